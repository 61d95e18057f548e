import { session } from "./session.js";

// The past of the rates: the API keeps none, so the tab remembers half an hour of answers' differences, also while another
// screen is open.
const KEPT = 30 * 60 * 1000; // milliseconds
const GAP = 90 * 1000; // milliseconds between two answers: longer is not drawn as a line
const SMOOTHED = 3; // PostgreSQL's statistics come about once a second
const NOTHING = { published: null, consumed: null, broadcast: null, attempts: null, failed: null };

let owner = null;
let answers = []; // the newest, without a gap between them
let points = [];

// Add an answer of readOverview, once, and return the points of the last half an hour: {at, published, consumed, broadcast,
// attempts, failed}, per second; null: not known, or a gap.
export function record(answer) {
  const { token } = session.get();
  if (token !== owner) {
    owner = token;
    answers = [];
    points = [];
  }
  const at = Date.parse(answer.at);
  const last = answers.at(-1);
  if (last && Date.parse(last.at) >= at) return points;
  if (last && at - Date.parse(last.at) > GAP) {
    points.push({ at: Date.parse(last.at) + 1, ...NOTHING });
    answers = [];
  }
  const fell = last && last.totals && answer.totals && Object.keys(last.totals).some((name) => answer.totals[name] < last.totals[name]);
  if (fell) answers = []; // the statistics began anew, or a partition was dropped
  answers = [...answers.slice(-39), answer];
  points = points.filter((point) => point.at > at - KEPT);
  points.push({ at, ...(fell ? NOTHING : rates(answer)) });
  return points;
}

// Attempts and failed ones are taken from the same window, so that no more fail than there are.
function rates(answer) {
  const first = answers.at(-1 - SMOOTHED) || answers[0];
  const seconds = (Date.parse(answer.at) - Date.parse(first.at)) / 1000;
  const grown = (name) => (answer.totals && first.totals && seconds > 0 ? (answer.totals[name] - first.totals[name]) / seconds : null);
  return {
    published: grown("published") ?? answer.published_per_second,
    consumed: grown("consumed"),
    broadcast: grown("broadcast"),
    attempts: answer.attempts_per_second ?? grown("attempts"),
    failed: answer.failed_per_second,
  };
}

// Return what says how many messages of a topic are consumed per second; null when it is not known. Nothing records it, but a
// message has one fate: what was published in the window, and neither waits nor was broadcast nor died, was consumed. What may be
// owed to the answers' not being a window apart is taken for none.
export function consumption(answer) {
  const at = Date.parse(answer.at);
  const age = (earlier) => (at - Date.parse(earlier.at)) / 1000;
  const off = (earlier) => Math.abs(age(earlier) - answer.window_seconds);
  const earlier = answers.reduce((best, each) => (best && off(best) < off(each) ? best : each), null);
  const seconds = earlier ? age(earlier) : 0;
  if (!earlier || seconds < 0.8 * answer.window_seconds || seconds > 1.5 * answer.window_seconds + 4) return () => null;
  const before = new Map(earlier.items.map((item) => [item.topic, item]));
  return (item) => {
    const old = before.get(item.topic);
    if (!old || !isExact(item) || !isExact(old) || item.published_per_second === null) return null;
    const died = item.dead_letters.count - old.dead_letters.count;
    if (died < 0) return null; // redriven, or deleted
    const left = waiting(item) - waiting(old) + died + item.last_seq - old.last_seq;
    const consumed = item.published_per_second - left / seconds;
    return consumed * seconds > item.published_per_second * off(earlier) ? consumed : 0;
  };
}

const isExact = (item) => [item.ready, item.leased, item.delayed, item.dead_letters].every((counted) => counted.exact);
export const waiting = (item) => item.ready.count + item.leased.count + item.delayed.count;

// Return for each name [[milliseconds, value]], all with the same times, at most about `most` of them: each the mean of those in
// its part of the half hour. A gap stays a gap.
export function series(names, most) {
  const from = points[0]?.at ?? 0;
  const size = Math.max(1, ((points.at(-1)?.at ?? 0) - from) / most);
  const parts = [];
  for (const point of points) {
    const index = Math.floor((point.at - from) / size);
    const gap = names.every((name) => point[name] === null);
    const last = parts.at(-1);
    if (last?.index === index && last.gap === gap) last.of.push(point);
    else parts.push({ index, gap, at: point.at, of: [point] });
  }
  return names.map((name) => parts.map(({ at, of }) => [at, mean(of.map((point) => point[name]).filter((value) => value !== null))]));
}

const mean = (values) => (values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null);
