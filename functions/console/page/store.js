import { useLayoutEffect, useState } from "./vendor.js";

// A value that parts of the page share: each part that uses it is drawn again when it is set.
export function store(initial) {
  let value = initial;
  const listeners = new Set();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of [...listeners]) listener(value);
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export function useStore(shared) {
  const [, draw] = useState(0);
  const value = shared.get();
  useLayoutEffect(() => {
    const redraw = () => draw((count) => count + 1);
    if (!Object.is(shared.get(), value)) redraw(); // it was set between the drawing and now
    return shared.listen(redraw);
  }, [shared]);
  return value;
}

// A store whose value stays in this browser, under a name. On a laptop, another program may have had the same origin before:
// what is of another type is not taken.
export function remembered(name, initial) {
  const key = `pgbroker ${name}`;
  const shared = store(initial);
  try {
    const kept = JSON.parse(localStorage.getItem(key));
    if (typeof kept === typeof initial) shared.set(kept);
  } catch {
    localStorage.removeItem(key);
  }
  shared.listen((value) => localStorage.setItem(key, JSON.stringify(value)));
  return shared;
}
