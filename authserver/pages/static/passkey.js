// Passkeys (WebAuthn): runs the ceremony that a form asks for and sends what came of it. The page is whole without it.
const api = window.PublicKeyCredential && navigator.credentials;
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(Array.from(new Uint8Array(buffer), (b) => String.fromCharCode(b)).join(""))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
let running;

function read(form) {
  const options = JSON.parse(form.dataset.options);
  options.challenge = bytes(options.challenge);
  if (options.user) options.user.id = bytes(options.user.id);
  for (const list of [options.allowCredentials, options.excludeCredentials]) {
    for (const known of list || []) known.id = bytes(known.id);
  }
  return options;
}

// By hand: what password managers put in the browser's place often lacks toJSON.
function written(credential) {
  const response = { clientDataJSON: text(credential.response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = text(credential.response[name]);
  }
  if (credential.response.getTransports) response.transports = credential.response.getTransports();
  return JSON.stringify({
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment || undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
    response,
  });
}

function show(form, state) {
  for (const part of form.querySelectorAll("[data-when]")) part.hidden = part.dataset.when !== state;
  form.setAttribute("aria-busy", state === "waiting");
}

async function run(form, mediation) {
  running?.abort();
  const mine = (running = new AbortController());
  if (!mediation) show(form, "waiting");
  try {
    const asked = { publicKey: read(form), signal: mine.signal };
    if (mediation) asked.mediation = mediation;
    const credential = await navigator.credentials[form.dataset.passkey](asked);
    form.elements.credential.value = written(credential);
    form.submit();
  } catch (error) {
    if (mine.signal.aborted || mediation) return;
    show(form, { NotAllowedError: "cancelled", AbortError: "cancelled", InvalidStateError: "exists",
      NotSupportedError: "unsupported" }[error.name] || "failed");
  }
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.addEventListener("submit", (event) => {
    if (form.elements.credential.value) return;
    event.preventDefault();
    if (api) run(form);
    else show(form, "unsupported");
  });
  // A page taken from the back-forward cache must not send the same answer again.
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    form.elements.credential.value = "";
    show(form, "ready");
  });
  if (!api) show(form, "unsupported");
  else if ("begin" in form.dataset) run(form);
  else if ("autofill" in form.dataset) {
    PublicKeyCredential.isConditionalMediationAvailable?.().then((can) => can && run(form, "conditional"));
  }
}

// What was removed here is no longer offered by the device (WebAuthn Signal API).
for (const list of document.querySelectorAll("[data-signal]")) {
  window.PublicKeyCredential?.signalAllAcceptedCredentials?.(JSON.parse(list.dataset.signal)).catch(() => {});
}
