import { useEffect, useRef, useState } from "./vendor.js";
import { call } from "./request.js";
import { remembered, store, useStore } from "./store.js";

// The page asks again while it is visible, and while somebody touched it in the last 15 minutes: an open tab that nobody
// looks at must not keep a sleeping database awake. "Keep live" is for wall boards.
export const IDLE = 15 * 60 * 1000;
export const SLOWEST = 30 * 1000;
export const interval = remembered("interval", 2000); // milliseconds; 0: paused
export const keepLive = remembered("keep live", false);
export const asleep = store(false);
export const freshness = store({ at: null, failing: false }); // of the screen's newest answer

let touched = Date.now();
const wakers = new Set();

export function wakeUp() {
  touched = Date.now();
  if (asleep.get()) asleep.set(false);
  for (const waker of [...wakers]) waker();
}

export function refresh() {
  for (const waker of [...wakers]) waker(true);
}

for (const kind of ["pointerdown", "pointermove", "keydown", "wheel", "focusin"]) {
  addEventListener(
    kind,
    () => {
      if (asleep.get()) wakeUp();
      else touched = Date.now();
    },
    { passive: true },
  );
}
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) wakeUp();
});

function mayAsk() {
  if (document.hidden) return false;
  if (!keepLive.get() && Date.now() - touched > IDLE) {
    asleep.set(true);
    return false;
  }
  return true;
}

// Call an operation now and again while the page is live. Returns {data, error, refresh}: `data` is the last good answer and
// stays beside an `error`; both are null before the first one. It goes slower while nothing changes, and waits after an error
// as long as Retry-After says, else twice as long each time. `once`: do not ask again.
export function useAnswer(name, options = {}, { once = false, skip = false } = {}) {
  const key = JSON.stringify([name, options.path, options.query, skip]);
  const [state, setState] = useState({ key, data: null, error: null });
  const every = useStore(interval);
  useStore(keepLive);
  const again = useRef(() => {});

  useEffect(() => {
    if (skip) return undefined;
    const control = new AbortController();
    let timer = null;
    let failures = 0;
    let quiet = 0;
    let last = "";
    let asking = false;
    let stopped = false;

    const ask = async () => {
      clearTimeout(timer);
      if (asking) return;
      asking = true;
      try {
        const data = await call(name, { ...options, signal: control.signal });
        const text = JSON.stringify({ ...data, at: null });
        quiet = text === last ? quiet + 1 : 0;
        last = text;
        failures = 0;
        setState({ key, data, error: null });
        freshness.set({ at: Date.now(), failing: false });
        plan(Math.min(SLOWEST, every * 2 ** Math.max(0, quiet - 4)));
      } catch (error) {
        if (stopped || error.name === "AbortError") return;
        failures += 1;
        setState((state) => ({ key, data: state.key === key ? state.data : null, error }));
        const passing = error.status === 0 || error.status >= 429; // 403 and 404 are answers
        freshness.set({ ...freshness.get(), failing: passing });
        const wait = Math.min(60_000, 2000 * 2 ** failures);
        plan(error.retryAt ? Math.max(500, error.retryAt - Date.now()) : wait, passing);
      } finally {
        asking = false;
      }
    };
    const plan = (wait, retry = false) => {
      clearTimeout(timer);
      if (stopped || (!retry && (once || every === 0 || failures > 0))) return;
      timer = setTimeout(() => mayAsk() && ask(), wait);
    };
    const wake = (always = false) => {
      quiet = 0;
      if (always || failures > 0 || (every !== 0 && !once)) ask();
    };
    again.current = () => wake(true);
    wakers.add(wake);
    ask();
    return () => {
      stopped = true;
      clearTimeout(timer);
      control.abort();
      wakers.delete(wake);
    };
  }, [key, every, once]);

  const current = state.key === key ? state : { data: null, error: null };
  return { data: current.data, error: current.error, refresh: () => again.current() };
}
