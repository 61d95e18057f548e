import { html, useEffect } from "./vendor.js";
import { store, useStore } from "./store.js";

// What came of an action: shown for a while, and read out. Rates and counts are never read out.
const outcome = store(null);

export const announce = (text) => outcome.set({ text });

export function Outcomes() {
  const current = useStore(outcome);
  useEffect(() => {
    if (!current) return undefined;
    const timer = setTimeout(() => outcome.set(null), 6000);
    return () => clearTimeout(timer);
  }, [current]);
  return html`<div class="outcome" role="status" aria-live="polite">
    ${current && html`<p>${current.text}</p>`}
  </div>`;
}
