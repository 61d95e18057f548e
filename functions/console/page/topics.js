import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor.js";
import { CreateTopic } from "./create-topic.js";
import { show } from "./dialog.js";
import { count, number } from "./format.js";
import { useAnswer } from "./live.js";
import { Answer, Curl, Do, Empty, Heading } from "./parts.js";
import { go, link, setQuery } from "./router.js";
import { may } from "./session.js";
import { Table } from "./table.js";
import { Time } from "./time.js";
import { Welcome } from "./welcome.js";

const TOPICS = 100;
const TOPIC_HEADS = ["name", ["broadcast", "tight"], ["waiting", "number tight"], ["last seq", "number tight"],
  ["created", "tight created"]];
const TYPING = 300; // milliseconds until what is typed is asked for

export function Topics({ query }) {
  return may("listTopics") ? html`<${List} search=${query.search || ""} after=${query.after || ""} />` : html`<${Welcome} />`;
}

function List({ search, after }) {
  const asked = { search, after, limit: TOPICS };
  const answer = useAnswer("listTopics", { query: asked });
  const top = useRef(after);
  useEffect(() => {
    if (top.current !== after) window.scrollTo(0, 0);
    top.current = after;
  }, [after]);
  return html`
    <${Heading} beside=${html`<${TopicSearch} search=${search} />`}
      actions=${html`<${Do} operation="putTopic" primary onClick=${() => show(CreateTopic)}>Create topic…</${Do}>`}>Topics</${Heading}>
    <${Answer} answer=${answer} rows=${6}>${(data) => html`<${TopicPage} data=${data} search=${search} after=${after} />`}</${Answer}>
    <${Curl} operation="listTopics" query=${asked} />`;
}

// The address follows what is typed, without a step in the history for each letter.
function TopicSearch({ search }) {
  const [text, setText] = useState(search);
  const timer = useRef(null);
  useLayoutEffect(() => setText(search), [search]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const type = (event) => {
    const typed = event.target.value;
    setText(typed);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setQuery({ search: typed.trim() }), TYPING);
  };
  const submit = (event) => {
    event.preventDefault();
    clearTimeout(timer.current);
    go(link(["topics"], { search: text.trim() }));
  };
  return html`<form onSubmit=${submit}><input type="search" aria-label="Search the names of topics" placeholder="part of a name"
    maxlength="128" autocomplete="off" spellcheck=${false} value=${text} onInput=${type} /></form>`;
}

function TopicPage({ data: { items, next }, search, after }) {
  if (items.length === 0 && search) return html`<${Empty} title=${`No topic${after ? " more" : ""} has “${search}” in its name`}>
    <p><a href="#/topics">Show all</a></p></${Empty}>`;
  if (items.length === 0) return html`<${Empty} title="There is no topic that this token covers"><p>Publishing to a name creates the topic.</p></${Empty}>`;
  return html`<${Table} label="Topics" heads=${TOPIC_HEADS}>
      ${items.map((topic) => html`<tr key=${topic.name} data-row>
        <td><a href=${link(["topics", topic.name])}>${topic.name}</a></td>
        <td class="tight">${topic.broadcast}</td>
        <td class=${topic.queue.waiting > 0 ? "number tight" : "number tight muted"}>${count(topic.queue)}</td>
        <td class=${topic.last_seq > 0 ? "number tight" : "number tight muted"}>${number(topic.last_seq)}</td>
        <td class="tight created"><${Time} at=${topic.created_at} /></td>
      </tr>`)}</${Table}>
    <div class="more">
      ${after && html`<a href=${link(["topics"], { search })}>First page</a>`}
      ${next && html`<a href=${link(["topics"], { search, after: next })}>Next ${TOPICS}</a>`}
      <span class="muted">${after || next ? `${number(items.length)} on this page, by name` : `${number(items.length)} in all`}</span>
    </div>`;
}
