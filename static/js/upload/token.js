// The token against CSRF: from the page, and again from the server after somebody signed in anew.

const SELECTOR = 'meta[name="csrf-token"]';
const PERSON = 'meta[name="person"]';

export function readToken() {
  return document.querySelector(SELECTOR)?.content ?? "";
}

/** Who is signed in here: a name that only tells one person from another; "" for nobody. */
export function readPerson(page = document) {
  return page.querySelector(PERSON)?.content ?? "";
}

/** Take the token of a fresh copy of this page, for all of it. @returns whether the same person is signed in here */
export async function renewToken() {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) return false;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const token = page.querySelector(SELECTOR)?.content;
    if (!token || readPerson(page) !== readPerson()) return false;
    writeToken(token);
    return true;
  } catch {
    return false; // no line
  }
}

/** Where each part of the page reads it: scripts, htmx and plain forms. */
function writeToken(token) {
  document.querySelector(SELECTOR).content = token;
  document.body.setAttribute("hx-headers", JSON.stringify({ "X-CSRFToken": token }));
  for (const field of document.querySelectorAll("input[name=csrfmiddlewaretoken]")) field.value = token;
}
