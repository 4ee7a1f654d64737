// Signing out in one tab reaches all: what they hold for that person goes too. (The page that says it hears it as well: it
// listens through another channel of that name.)

const CHANNEL = "uploads";

export function sayGoodbye(person) {
  if (typeof BroadcastChannel !== "function") return;
  const channel = new BroadcastChannel(CHANNEL);
  channel.postMessage({ signedOut: person });
  channel.close();
}

/** @param act called when `person` signed out, in this tab or another */
export function onGoodbye(person, act) {
  if (typeof BroadcastChannel !== "function") return;
  new BroadcastChannel(CHANNEL).onmessage = ({ data }) => {
    if (data?.signedOut === person) act();
  };
}
