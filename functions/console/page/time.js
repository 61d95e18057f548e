import { html, useEffect, useState } from "./vendor.js";
import { duration } from "./format.js";
import { remembered, store, useStore } from "./store.js";

// How times are shown: "relative", "local" or "UTC". The plots' axes follow it.
export const timeMode = remembered("times", "relative");

// The broker's clock less this computer's, in milliseconds: ages are differences of the broker's times.
export const skew = store(0);

export const now = () => Date.now() + skew.get();

const pad = (value, width = 2) => String(value).padStart(width, "0");

export function absolute(time, mode) {
  const at = new Date(time);
  if (mode === "UTC") return at.toISOString().replace("T", " ").replace(/\.\d+Z$/, "Z");
  const date = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
  return `${date} ${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

// The time of day, for an axis.
export function clock(time, mode, seconds = true) {
  const text = absolute(time, mode === "UTC" ? "UTC" : "local").slice(11, 19);
  return seconds ? text : text.slice(0, 5);
}

export function relative(time, from = now()) {
  const seconds = (from - new Date(time)) / 1000;
  if (Math.abs(seconds) < 1) return "now";
  return seconds > 0 ? `${duration(seconds)} ago` : `in ${duration(-seconds)}`;
}

// A time of the API, or a dash. Its title has the other ways to say it.
export function Time({ at, absent = "–" }) {
  const mode = useStore(timeMode);
  const [, tick] = useState(0);
  useEffect(() => {
    if (mode !== "relative" || !at) return undefined;
    const timer = setInterval(() => tick((count) => count + 1), 1000);
    return () => clearInterval(timer);
  }, [mode, at]);
  if (!at) return absent;
  const text = mode === "relative" ? relative(at) : absolute(at, mode);
  return html`<time datetime=${at} title=${`${at}\n${absolute(at, "local")} here\n${relative(at)}`}>${text}</time>`;
}
