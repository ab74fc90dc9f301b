// A public OpenID Connect client in the browser: code flow with PKCE (RFC 9700 2.1.1), tokens in memory only.

const settings = document.querySelector("#spa").dataset;
const output = document.querySelector("#spa-output");
const state = document.querySelector("#spa-state");
const button = (name) => document.querySelector(`#spa-${name}`);
const ATTEMPT = "demo-spa-attempt"; // in sessionStorage: survives the way to the server and back, in this tab alone

let server; // the discovery document
let tokens; // never stored: what is stored, a script that gets in can take along

const base64url = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
const sha256 = (text) => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));

async function answerOf(request) {
  let response;
  try {
    response = await request;
  } catch {
    throw new Error("no answer: is the server running, and does it allow this origin (CORS)?");
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) {
    const challenge = response.headers.get("WWW-Authenticate");
    throw new Error([`${response.status}`, body.error, body.error_description, challenge].filter(Boolean).join("\n"));
  }
  return body;
}

async function discover() {
  server = await answerOf(fetch(`${settings.issuer}/.well-known/openid-configuration`));
  if (server.issuer !== settings.issuer) throw new Error("the discovery document names another issuer");
}

async function logIn() {
  const attempt = { state: random(), nonce: random(), verifier: random() };
  sessionStorage.setItem(ATTEMPT, JSON.stringify(attempt));
  location.assign(withQuery(server.authorization_endpoint, {
    response_type: "code",
    client_id: settings.clientId,
    redirect_uri: settings.redirectUri,
    scope: settings.scope,
    state: attempt.state,
    nonce: attempt.nonce,
    code_challenge: base64url(await sha256(attempt.verifier)),
    code_challenge_method: "S256",
  }));
}

async function comeBack(answer) {
  const attempt = JSON.parse(sessionStorage.getItem(ATTEMPT) ?? "null");
  sessionStorage.removeItem(ATTEMPT);
  history.replaceState(null, "", location.pathname); // the code has no business in the history
  if (!attempt || answer.get("state") !== attempt.state) throw new Error("the state is not that of this tab's login");
  if (server.authorization_response_iss_parameter_supported && answer.get("iss") !== server.issuer) {
    throw new Error("the answer comes from another issuer"); // RFC 9207
  }
  if (answer.has("error")) throw new Error(`${answer.get("error")}\n${answer.get("error_description") ?? ""}`);
  await askForTokens({
    grant_type: "authorization_code",
    code: answer.get("code"),
    redirect_uri: settings.redirectUri,
    code_verifier: attempt.verifier,
  }, attempt.nonce);
  const userinfo = await answerOf(fetch(server.userinfo_endpoint, bearer()));
  show("You are logged in. The UserInfo endpoint says:", userinfo);
}

async function askForTokens(form, nonce) {
  const body = new URLSearchParams({ ...form, client_id: settings.clientId });
  const answer = await answerOf(fetch(server.token_endpoint, { method: "POST", body }));
  if (answer.id_token) await check(answer.id_token, answer.access_token, nonce);
  tokens = { ...tokens, ...answer };
}

// The ID token came straight from the token endpoint, so TLS stands in for its signature (Core 3.1.3.7, 6).
async function check(idToken, accessToken, nonce) {
  const text = atob(idToken.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
  const claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (character) => character.charCodeAt(0))));
  const now = Date.now() / 1000;
  const hash = base64url((await sha256(accessToken)).slice(0, 16));
  if (claims.iss !== server.issuer) throw new Error("the ID token has another issuer");
  if (![claims.aud].flat().every((name) => name === settings.clientId)) throw new Error("the ID token is for others");
  if (!(claims.exp > now)) throw new Error("the ID token has expired");
  if (nonce && claims.nonce !== nonce) throw new Error("the ID token belongs to another login");
  if (claims.at_hash !== hash) throw new Error("the ID token belongs to another access token");
  if (tokens && claims.sub !== tokens.sub) throw new Error("the ID token is about somebody else");
  tokens = { ...tokens, sub: claims.sub };
}

async function callApi() {
  show("The API says:", await answerOf(fetch(`${settings.api}/orders`, bearer())));
}

async function refresh() {
  const before = tokens.refresh_token;
  await askForTokens({ grant_type: "refresh_token", refresh_token: before });
  show("Fresh tokens:", {
    scope: tokens.scope,
    expires_in: tokens.expires_in,
    refresh_token_changed: tokens.refresh_token !== before,
  });
}

function logOut() {
  const hint = { id_token_hint: tokens.id_token, client_id: settings.clientId };
  tokens = undefined;
  location.assign(withQuery(server.end_session_endpoint, { ...hint, post_logout_redirect_uri: settings.redirectUri }));
}

const bearer = () => ({ headers: { Authorization: `Bearer ${tokens.access_token}` } });

function withQuery(url, parameters) {
  const target = new URL(url);
  for (const [name, value] of Object.entries(parameters)) target.searchParams.set(name, value);
  return target.href;
}

function show(sentence, value) {
  state.textContent = sentence;
  output.textContent = typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

function settle() {
  button("log-in").disabled = !server || Boolean(tokens?.access_token);
  for (const name of ["call-api", "log-out"]) button(name).disabled = !tokens?.access_token;
  button("refresh").disabled = !tokens?.refresh_token;
}

async function run(step) {
  for (const each of document.querySelectorAll("button")) each.disabled = true; // one step at a time
  try {
    await step();
  } catch (error) {
    show("That did not work.", error.message);
  }
  settle();
}

button("log-in").addEventListener("click", () => run(logIn));
button("call-api").addEventListener("click", () => run(callApi));
button("refresh").addEventListener("click", () => run(refresh));
button("log-out").addEventListener("click", () => run(logOut));

run(async () => {
  const answer = new URLSearchParams(location.search);
  await discover();
  if (answer.has("state")) await comeBack(answer);
  else show("Nobody is logged in.", "Nothing yet.");
});
