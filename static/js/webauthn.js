// Passkeys. A form with data-passkey="create", "get" or "login" asks the browser for a credential when it is sent, puts
// it into its field "credential" and goes on. The server's options are in a JSON element named by data-options, or, for
// "login", at the form's own address.

import { creationOptions, credentialToJson, explain, hasName, requestOptions } from "./webauthn-format.js";

const supported = Boolean(
  globalThis.PublicKeyCredential && navigator.credentials && hasName(location.hostname),
);

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.hidden = !supported;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run(form);
  });
}
for (const notice of document.querySelectorAll("[data-passkey-unsupported]")) {
  notice.hidden = supported;
}

async function run(form) {
  const button = form.querySelector("button[type=submit]");
  button.disabled = true;
  say(form, "");
  try {
    const credential = await ask(form);
    form.elements.namedItem("credential").value = JSON.stringify(credentialToJson(credential));
    form.submit();
  } catch (error) {
    button.disabled = false;
    say(form, explain(error));
  }
}

async function ask(form) {
  if (form.dataset.passkey === "create") {
    const alone = form.elements.namedItem("passwordless")?.checked ?? false;
    const { creation_options: options } = pageOptions(form);
    return navigator.credentials.create({ publicKey: creationOptions(options.publicKey, alone) });
  }
  const { request_options: options } =
    form.dataset.passkey === "login" ? await fetchOptions(form) : pageOptions(form);
  return navigator.credentials.get({ publicKey: requestOptions(options.publicKey) });
}

function pageOptions(form) {
  return JSON.parse(document.getElementById(form.dataset.options).textContent);
}

async function fetchOptions(form) {
  const response = await fetch(form.action, { headers: { Accept: "application/json" } });
  if (!response.ok) {
    throw new Error(`options: ${response.status}`);
  }
  return response.json();
}

function say(form, sentence) {
  const place = form.querySelector("[data-passkey-problem]");
  place.textContent = sentence;
  place.hidden = sentence === "";
}
