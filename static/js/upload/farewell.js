// Signing out in one tab reaches the others: what they hold for that person goes too. (Browsers tell it to all tabs of the
// site but the one that speaks.)

const CHANNEL = "uploads";

export function sayGoodbye(person) {
  if (typeof BroadcastChannel !== "function") return;
  const channel = new BroadcastChannel(CHANNEL);
  channel.postMessage({ signedOut: person });
  channel.close();
}

/** @param act called when `person` signed out in another tab */
export function onGoodbye(person, act) {
  if (typeof BroadcastChannel !== "function") return;
  new BroadcastChannel(CHANNEL).onmessage = ({ data }) => {
    if (data?.signedOut === person) act();
  };
}
