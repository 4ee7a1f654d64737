// Signing out on purpose also forgets what is kept on this device for later: the next person may sit here. It asks first
// when that would lose photos. (A session that ends by itself forgets nothing: its person comes back.)
import { ask } from "./confirm.js";
import { readPerson } from "./upload/token.js";

const person = readPerson();

async function forget(form) {
  const [{ sayGoodbye }, { Vault }] = await Promise.all([
    import("./upload/farewell.js"),
    import("./upload/vault.js"),
  ]);
  const vault = new Vault({ person });
  const count = (await vault.list().catch(() => [])).length;
  if (count > 0) {
    const photos = count === 1 ? "1 photo is" : `${count} photos are`;
    const question = `${photos} still to be sent. Signing out forgets them on this device.`;
    if (!(await ask(question, "Sign out", form.querySelector("button")))) return;
  }
  await vault.forget().catch(() => {}); // no store: nothing is kept
  sayGoodbye(person);
  form.submit();
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!person || !form.matches('form[action$="/accounts/logout/"]')) return;
  event.preventDefault();
  forget(form).catch(() => form.submit());
});
