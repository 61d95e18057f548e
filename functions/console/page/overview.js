import { html, useState } from "./vendor.js";
import { FirstSteps, Welcome } from "./welcome.js";
import { duration, number } from "./format.js";
import { useAnswer } from "./live.js";
import { Answer, Curl, Empty, Heading } from "./parts.js";
import { RateCards } from "./rate-cards.js";
import { consumption, record } from "./recent-rates.js";
import { go, link } from "./router.js";
import { may } from "./session.js";
import { TopicRow, depth } from "./topic-row.js";

const BUSIEST = 30; // topics
const SHALLOW = 100; // messages: no bar is full with fewer

export function Overview() {
  return may("readOverview") ? html`<${LivePicture} />` : html`<${Welcome} />`;
}

function LivePicture() {
  const answer = useAnswer("readOverview", { query: { limit: BUSIEST } });
  return html`<${Heading}>Overview</${Heading}>
    <${Answer} answer=${answer} rows=${8}>${(data) => html`<${Picture} data=${data} refresh=${answer.refresh} />`}</${Answer}>`;
}

function Picture({ data, refresh }) {
  const [filter, setFilter] = useState("");
  const points = record(data);
  const consumed = consumption(data);
  const deepest = Math.max(SHALLOW, ...data.items.map(depth));
  const wanted = filter.trim().toLowerCase();
  const shown = data.items.filter((item) => item.topic.toLowerCase().includes(wanted));
  const all = link(["topics"], { search: filter.trim() });
  const search = (event) => {
    event.preventDefault();
    go(all);
  };
  return html`
    ${data.items.some(isUsed) || data.totals?.published > 0 ? null : html`<${FirstSteps} />`}
    <${RateCards} points=${points} totals=${data.totals !== null} />
    <div class="bar">
      <h2>Topics</h2>
      <form onSubmit=${search}><input type="search" aria-label="Filter the topics; Enter searches all of them"
        placeholder="filter, Enter: search all" value=${filter} onInput=${(event) => setFilter(event.target.value)} /></form>
      <span class="muted">${ofAll(shown.length, data.topics)}, worst first</span>
      <span class="space"></span>
      <span class="muted">rates: the last ${duration(data.window_seconds)}</span>
    </div>
    ${shown.length
      ? html`<${Captions} /><ul class="topics">${shown.map((item) => html`<${TopicRow} key=${item.topic} item=${item}
          consumed=${consumed(item)} deepest=${deepest} refresh=${refresh} />`)}</ul>`
      : html`<${Empty} title=${data.items.length ? "None of these topics has that in its name" : "There is no topic that this token covers"}>
      ${data.items.length > 0 && html`<p><a href=${all}>Search all topics</a></p>`}</${Empty}>`}
    <${Curl} operation="readOverview" query=${{ limit: BUSIEST }} />`;
}

// What the columns are, for the eye: each row says it in words, or in titles.
const Captions = () => html`<div class="topic captions" aria-hidden="true"><span>topic</span>
  <div class="subscribed"><div>
    <span>subscription</span><span class="number">attempts</span><span class="number">behind</span><span>why</span></div></div></div>`;

function ofAll(shown, { total, exact }) {
  return exact && total === shown ? number(shown) : `${number(shown)} of ${exact ? "" : "about "}${number(total)}`;
}

function isUsed(item) {
  return depth(item) > 0 || item.last_seq > 0 || item.published_per_second > 0 || item.subscriptions.length > 0;
}
