import { useEffect, useRef, useState } from "./vendor.js";
import { call } from "./request.js";
import { remembered, store } from "./store.js";

// The page asks again while it is visible, and while somebody touched it in the last 15 minutes: an open tab that nobody
// looks at must not keep a sleeping database awake. "Keep live" is for wall boards.
const IDLE = 15 * 60 * 1000;
const SLOWEST = 30 * 1000; // when nothing changes
export const interval = remembered("interval", 2000); // milliseconds; 0: paused
export const keepLive = remembered("keep live", false);
export const asleep = store(false);
export const freshness = store({ at: null, failing: false }); // of the screen's newest answer

let touched = Date.now();
const wakers = new Set();

function wakeUp() {
  touched = Date.now();
  asleep.set(false);
  for (const waker of [...wakers]) waker();
}

function touch() {
  touched = Date.now();
  if (asleep.get()) wakeUp();
}

export function refresh() {
  for (const waker of [...wakers]) waker(true);
}

for (const kind of ["pointerdown", "pointermove", "keydown", "wheel", "focusin"]) {
  addEventListener(kind, touch, { passive: true });
}
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) wakeUp();
});
interval.listen(wakeUp);
keepLive.listen(wakeUp);

function mayAsk() {
  if (document.hidden) return false;
  asleep.set(!keepLive.get() && Date.now() - touched > IDLE);
  return !asleep.get();
}

// Call an operation now and again while the page is live. Returns {data, error, refresh}: `data` is the last good answer and
// stays beside an `error`; both are null before the first one. It goes slower while nothing changes, and waits after an error
// as long as Retry-After says, else twice as long each time. `once`: do not ask again.
export function useAnswer(name, options = {}, { once = false, skip = false } = {}) {
  const key = JSON.stringify([name, options.path, options.query, skip]);
  const [state, setState] = useState({ key, data: null, error: null });
  const repeats = useRef();
  repeats.current = () => !once && interval.get() > 0;
  const again = useRef(() => {});

  useEffect(() => {
    if (skip) return undefined;
    const control = new AbortController();
    let timer = null;
    let failures = 0;
    let quiet = 0; // answers that were the same
    let last = "";
    let earliest = 0; // when Retry-After allows to ask again
    let asking = false;
    let behind = false; // what is being answered may be older than an action

    const ask = async () => {
      clearTimeout(timer);
      asking = true;
      behind = false;
      try {
        const data = await call(name, { ...options, signal: control.signal });
        const text = JSON.stringify({ ...data, at: null });
        quiet = text === last ? quiet + 1 : 0;
        last = text;
        failures = 0;
        earliest = 0;
        setState({ key, data, error: null });
        freshness.set({ at: Date.now(), failing: false });
        plan(Math.max(interval.get(), Math.min(SLOWEST, interval.get() * 2 ** Math.max(0, quiet - 4))));
      } catch (error) {
        if (control.signal.aborted) return;
        failures += 1;
        earliest = error.retryAt || 0;
        setState((state) => ({ key, data: state.key === key ? state.data : null, error }));
        const passing = error.status === 0 || error.status >= 429; // 403 and 404 are answers
        freshness.set({ ...freshness.get(), failing: passing });
        if (passing) plan(earliest ? Math.max(500, earliest - Date.now()) : Math.min(60_000, 2000 * 2 ** failures), true);
      } finally {
        asking = false;
      }
      if (behind) ask();
    };
    const plan = (wait, retry = false) => {
      timer = setTimeout(() => (retry || repeats.current()) && mayAsk() && ask(), wait);
    };
    const wake = (always = false) => {
      quiet = 0;
      if (!always && (Date.now() < earliest || !(failures > 0 || repeats.current()))) return;
      if (asking) behind ||= always;
      else ask();
    };
    again.current = () => wake(true);
    wakers.add(wake);
    ask();
    return () => {
      clearTimeout(timer);
      control.abort();
      wakers.delete(wake);
    };
  }, [key]);

  const { data, error } = state.key === key ? state : { data: null, error: null };
  return { data, error, refresh: () => again.current() };
}
