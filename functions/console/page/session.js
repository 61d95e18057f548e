import { operations } from "./operations.js";
import { store } from "./store.js";

// The token is in the storage of this tab only, and ends with it. Other tabs of the same console ask for it.
export const session = store({ token: null, self: null, lost: null });

const channel = new BroadcastChannel("pgbroker console");

channel.addEventListener("message", ({ data }) => {
  const { token } = session.get();
  if (data === "ask" && token) channel.postMessage({ token });
  else if (data.token && !token) signIn(data.token);
});

// Begin with the token in the link, else with that of this tab, else with that of another tab.
export function begin() {
  const linked = /^#token=([\w-]+)$/.exec(location.hash);
  if (linked) history.replaceState(null, "", `${location.pathname}#/`);
  const token = linked ? linked[1] : sessionStorage.getItem("token");
  if (token) signIn(token);
  else channel.postMessage("ask");
}

export function signIn(token) {
  sessionStorage.setItem("token", token);
  session.set({ token, self: null, lost: null });
}

// `lost`: why the session has ended, when the person did not end it.
export function signOut(lost = null) {
  sessionStorage.removeItem("token");
  session.set({ token: null, self: null, lost });
}

// Say whether the token may call an operation of the contract, on a topic if it is about one.
export function may(name, topic) {
  const { self } = session.get();
  if (!self || !operations[name]) return false;
  const scopes = operations[name][2];
  const scoped = scopes.length === 0 || scopes.includes("any") || scopes.some((scope) => self.scopes.includes(scope));
  return scoped && (topic === undefined || covers(self.topics, topic));
}

export function covers(patterns, topic) {
  return patterns.some((pattern) =>
    pattern.endsWith("*") ? topic.startsWith(pattern.slice(0, -1)) : topic === pattern,
  );
}
