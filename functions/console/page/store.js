import { useEffect, useState } from "./vendor.js";

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
  useEffect(() => shared.listen(() => draw((count) => count + 1)), [shared]);
  return shared.get();
}

// A store whose value stays in this browser, under a name.
export function remembered(name, initial) {
  const kept = localStorage.getItem(name);
  const shared = store(kept === null ? initial : JSON.parse(kept));
  shared.listen((value) => localStorage.setItem(name, JSON.stringify(value)));
  return shared;
}
