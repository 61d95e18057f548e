import { html } from "./vendor.js";
import { Ask, show } from "./dialog.js";
import { useAnswer } from "./live.js";
import { MintToken } from "./mint.js";
import { Answer, Curl, Do, Heading, Id } from "./parts.js";
import { link } from "./router.js";
import { Secret } from "./secret.js";
import { covers, session, signOut } from "./session.js";
import { useStore } from "./store.js";
import { Table } from "./table.js";
import { now, Time } from "./time.js";

const LISTED = 100;
const TOKEN_HEADS = ["name", "scopes", "topics", "created", "ends", ["requests/s", "number"], html`<th scope="col"><span class="hidden">actions</span></th>`];

export function Tokens({ query }) {
  const { self } = useStore(session);
  const answer = useAnswer("listTokens", { query: { limit: LISTED, after: query.after } });
  const refresh = () => answer.refresh();
  const minted = ({ name, token }) => {
    refresh();
    show(Secret, { title: `The token ${name}`, name: "token", secret: token });
  };
  const mint = () => show(MintToken, { self, minted });
  return html`<${Heading} actions=${html`<${Do} operation="mintToken" primary onClick=${mint}>Mint a token…</${Do}>`}>Tokens</${Heading}>
    <${Answer} answer=${answer} rows=${6}>${({ items, next }) => html`
      <${Table} label="Tokens" heads=${TOKEN_HEADS}>
        ${items.map((token) => html`<${TokenRow} key=${token.id} token=${token} self=${self} refresh=${refresh} />`)}</${Table}>
      <div class="more">
        ${query.after && html`<a href=${link(["tokens"])}>First page</a>`}
        ${next && html`<a href=${link(["tokens"], { after: next })}>Next page</a>`}
        <${Curl} operation="listTokens" />
      </div>`}</${Answer}>`;
}

function TokenRow({ token, self, refresh }) {
  const own = token.id === self.id;
  // a token revokes those that allow no more than it does
  const less = token.scopes.every((scope) => self.scopes.includes(scope)) && token.topics.every((topic) => covers(self.topics, topic));
  const ended = token.expires_at && new Date(token.expires_at) < now();
  return html`<tr data-row class=${ended ? "faded" : ""}>
    <td><strong>${token.name}</strong>${own && html` <span class="chip">this session</span>`}${ended && html` <span class="chip">ended</span>`}
      <div class="muted"><${Id} id=${token.id} /></div></td>
    <td class="reason">${token.scopes.map((scope) => html`<span key=${scope}>
      <span class=${`chip ${scope === "tokens" ? "strong" : ""}`}>${scope}</span> </span>`)}</td>
    <td>${token.topics.map((topic) => html`<span key=${topic}><code>${topic}</code> </span>`)}</td>
    <td class="tight"><${Time} at=${token.created_at} /></td>
    <td class="tight"><${Time} at=${token.expires_at} absent="never" /></td>
    <td class="number">${token.requests_per_second ?? "no limit"}</td>
    <td class="tight">${less && html`<${Do} operation="revokeToken" quiet onClick=${() => show(Revoke, { token, own, refresh })}>Revoke…</${Do}>`}</td>
  </tr>`;
}

function Revoke({ token, own, refresh, close }) {
  const powerful = token.scopes.includes("tokens");
  return html`<${Ask} title=${`Revoke ${token.name}`} operation="revokeToken" request=${() => ({ path: { id: token.id } })}
    action="Revoke" danger typed=${powerful || own ? token.name : undefined} close=${close}
    done=${() => `${token.name} is revoked`} after=${() => (own ? signOut("You have revoked the token of this session.") : refresh())}>
    <p>Programs that use it get 401 within a minute. Its name is free again.</p>
    ${powerful && html`<p>It may mint and revoke tokens: be sure that another one can.</p>`}
    ${own && html`<p>It is the token of this session: you will be signed out.</p>`}
  </${Ask}>`;
}
