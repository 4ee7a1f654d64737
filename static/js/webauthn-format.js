// Passkey data between JSON (base64url, WebAuthn level 3) and what the browser's API takes (buffers). No DOM here.

export function fromBase64Url(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (character) => character.charCodeAt(0)).buffer;
}

export function toBase64Url(buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// Passkeys belong to a name: at a bare address (127.0.0.1, [::1]) browsers have none, though it may be as safe.
export function hasName(hostname) {
  return !/^[\d.]+$|^\[/.test(hostname);
}

// Options for navigator.credentials.create; "alone": the passkey must be able to sign in without name and password.
export function creationOptions(json, alone) {
  return {
    ...json,
    challenge: fromBase64Url(json.challenge),
    user: { ...json.user, id: fromBase64Url(json.user.id) },
    excludeCredentials: (json.excludeCredentials ?? []).map(descriptor),
    authenticatorSelection: {
      ...json.authenticatorSelection,
      residentKey: alone ? "required" : "discouraged",
      requireResidentKey: alone,
      ...(alone && { userVerification: "required" }),
    },
  };
}

// Options for navigator.credentials.get.
export function requestOptions(json) {
  return {
    ...json,
    challenge: fromBase64Url(json.challenge),
    allowCredentials: (json.allowCredentials ?? []).map(descriptor),
  };
}

export function credentialToJson(credential) {
  const { response } = credential;
  return {
    id: credential.id,
    rawId: toBase64Url(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: response.attestationObject ? attestation(response) : assertion(response),
  };
}

// One sentence about what went wrong; asking again is always possible.
export function explain(error) {
  switch (error?.name) {
    case "NotAllowedError":
    case "AbortError":
      return "That was cancelled or took too long. Try again.";
    case "InvalidStateError":
      return "This device has a passkey for this account already.";
    case "SecurityError":
      return "Passkeys do not work at this address. They need a name with https, or localhost.";
    default:
      return "That did not work. Try again.";
  }
}

function descriptor(item) {
  return { ...item, id: fromBase64Url(item.id) };
}

function attestation(response) {
  return {
    clientDataJSON: toBase64Url(response.clientDataJSON),
    attestationObject: toBase64Url(response.attestationObject),
    transports: response.getTransports?.() ?? [],
  };
}

function assertion(response) {
  return {
    clientDataJSON: toBase64Url(response.clientDataJSON),
    authenticatorData: toBase64Url(response.authenticatorData),
    signature: toBase64Url(response.signature),
    userHandle: response.userHandle ? toBase64Url(response.userHandle) : null,
  };
}
