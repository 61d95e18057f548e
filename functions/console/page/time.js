import { html, useEffect, useState } from "./vendor.js";
import { duration } from "./format.js";
import { remembered, store, useStore } from "./store.js";

// How times are shown: "relative", "local" or "UTC". The plots' axes follow it.
export const timeMode = remembered("times", "relative");

// The broker's clock less this computer's, in milliseconds: ages are differences of the broker's times.
const skew = store(0);

export const now = () => Date.now() + skew.get();

// Learn the broker's clock from the header Date of a response, which says whole seconds.
export function hearClock(date) {
  const offset = Date.parse(date) + 500 - Date.now();
  if (Math.abs(offset - skew.get()) > 1500) skew.set(Math.abs(offset) > 1500 ? offset : 0);
}

const pad = (value, width = 2) => String(value).padStart(width, "0");

// `fraction`: with milliseconds.
export function absolute(time, mode, fraction = false) {
  const at = new Date(time);
  if (mode === "UTC") return at.toISOString().replace("T", " ").replace(fraction ? "" : /\.\d+/, "");
  const date = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
  const clocked = `${date} ${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  return fraction ? `${clocked}.${pad(at.getMilliseconds(), 3)}` : clocked;
}

// The time of day, for an axis.
export function clock(time, mode, seconds = true) {
  const text = absolute(time, mode === "UTC" ? "UTC" : "local").slice(11, 19);
  return seconds ? text : text.slice(0, 5);
}

export function relative(time, from = now()) {
  const seconds = Math.trunc((from - new Date(time)) / 1000);
  if (seconds === 0 || seconds === -1) return "now"; // clocks differ by that much
  return seconds > 0 ? `${duration(seconds)} ago` : `in ${duration(-seconds)}`;
}

// When something is due: "now" as soon as the time has come.
export const until = (time) => relative(Math.max(new Date(time), now()));

// One clock for the whole page. A part that uses it is drawn again each second.
const ticks = store(0);
let ticking = 0;
let timer = null;

export function useTick(wanted = true) {
  const [, draw] = useState(0);
  useEffect(() => {
    if (!wanted) return undefined;
    const forget = ticks.listen(draw);
    ticking += 1;
    timer ??= setInterval(() => ticks.set(ticks.get() + 1), 1000);
    return () => {
      forget();
      ticking -= 1;
      if (ticking > 0) return;
      clearInterval(timer);
      timer = null;
    };
  }, [wanted]);
}

// A time of the API, or a dash. Its title has the other ways to say it. `due`: a time to come, which does not pass.
export function Time({ at, absent = "–", due = false }) {
  const mode = useStore(timeMode);
  useTick(mode === "relative" && Boolean(at));
  if (!at) return absent;
  const text = mode !== "relative" ? absolute(at, mode) : due ? until(at) : relative(at);
  return html`<time datetime=${at} title=${`${at}\n${absolute(at, "local")} here\n${relative(at)}`}>${text}</time>`;
}
