import { html, render, useEffect } from "./vendor.js";
import { Dialogs } from "./dialog.js";
import { Header } from "./header.js";
import { Login } from "./login.js";
import { Outcomes } from "./outcomes.js";
import { useAnswer } from "./live.js";
import { Answer, Empty, Heading } from "./parts.js";
import { route } from "./router.js";
import { begin, session } from "./session.js";
import { useStore } from "./store.js";
import { Message } from "./message.js";
import { Overview } from "./overview.js";
import { Reference } from "./reference.js";
import { Search } from "./search.js";
import { Subscription } from "./subscription.js";
import { Tokens } from "./tokens.js";
import { Topic } from "./topic.js";
import { Topics } from "./topics.js";

const SCREENS = {
  overview: Overview,
  topics: Topics,
  topic: Topic,
  message: Message,
  subscription: Subscription,
  tokens: Tokens,
  api: Reference,
  search: Search,
};

// A tab of a screen is the same screen: what is above it stays, and the focus too.
const keyOf = (place) => [place.screen, place.topic, place.id, place.operation].join("/");

function Page() {
  const place = useStore(route);
  const { token, self, lost } = useStore(session);
  const screen = place.screen;
  useEffect(() => {
    window.scrollTo(0, 0);
    if (screen !== "search") document.querySelector("main h1")?.focus({ preventScroll: true });
  }, [keyOf(place), self === null]);
  const known = token ? (self ? html`<${Screen} place=${place} />` : html`<${Self} />`) : null;
  return html`
    <a class="skip" href="#main">Skip to the content</a>
    <${Header} screen=${screen} />
    <main id="main" tabindex="-1">
      ${known || (screen === "api" ? html`<${Screen} place=${place} />` : html`<${Login} lost=${lost} />`)}
    </main>
    <${Outcomes} />
    <${Dialogs} />`;
}

function Screen({ place }) {
  const Shown = SCREENS[place.screen];
  if (Shown) return html`<${Shown} key=${keyOf(place)} ...${place} />`;
  return html`<${Heading}>No such screen</${Heading}>
    <${Empty} title="This address leads nowhere"><p><a href="#/">Overview</a></p></${Empty}>`;
}

// What the token may do, which decides what is shown.
function Self() {
  const answer = useAnswer("readOwnToken", {}, { once: true });
  useEffect(() => {
    if (answer.data) session.set({ ...session.get(), self: answer.data });
  }, [answer.data]);
  return html`<${Answer} answer=${answer}>${() => null}</${Answer}>`;
}

const page = document.querySelector("#page");
page.replaceChildren();
begin();
render(html`<${Page} />`, page);
