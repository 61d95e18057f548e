// Numbers, sizes and durations as people read them.

const whole = new Intl.NumberFormat("en");

export const number = (value) => (value === null || value === undefined ? "–" : whole.format(value));

// A count that stops at 1,000.
export const capped = (value) => (value >= 1000 ? "1,000 or more" : number(value));

// A count of the API: {count or waiting, exact, estimate}. What is not exact says so.
export function count(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") return number(value);
  const counted = value.count ?? value.waiting;
  if (value.exact) return number(counted);
  return value.estimate > counted ? `about ${number(value.estimate)}` : `over ${number(counted)}`;
}

export function rate(value) {
  if (value === null || value === undefined) return "–";
  return `${value >= 10 || value === 0 ? number(Math.round(value)) : value.toFixed(1)}/s`;
}

export function plural(value, one, many = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : many}`;
}

export function bytes(value) {
  if (value < 1024) return `${value} B`;
  return value < 1024 * 1024 ? `${(value / 1024).toFixed(value < 10240 ? 1 : 0)} KB` : `${(value / 1048576).toFixed(1)} MB`;
}

const UNITS = [
  ["d", 86400],
  ["h", 3600],
  ["min", 60],
  ["s", 1],
];

// A duration in seconds, in one unit, or two when that says more.
export function duration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${Number(seconds.toFixed(1))} s`;
  const index = UNITS.findIndex(([, size]) => seconds >= size);
  const [unit, size] = UNITS[index];
  const amount = Math.floor(seconds / size);
  const [smaller, part] = UNITS[index + 1] || ["", 0];
  const rest = part ? Math.floor((seconds - amount * size) / part) : 0;
  return amount < 10 && rest > 0 && unit !== "s" ? `${amount} ${unit} ${rest} ${smaller}` : `${amount} ${unit}`;
}

export const milliseconds = (value) => (value === null || value === undefined ? "–" : duration(value / 1000));
