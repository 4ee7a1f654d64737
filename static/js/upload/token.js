// The token against CSRF: from the page, and again from the server after somebody signed in anew.

const SELECTOR = 'meta[name="csrf-token"]';

export function readToken() {
  return document.querySelector(SELECTOR)?.content ?? "";
}

/** Fetch this page again and take its token. @returns whether the person is (still) signed in here */
export async function renewToken() {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) return false;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const token = page.querySelector(SELECTOR)?.content;
    if (!token) return false;
    document.querySelector(SELECTOR).content = token;
    return true;
  } catch {
    return false; // no line
  }
}
