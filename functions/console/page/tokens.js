import { html } from "./vendor.js";
import { Ask, show } from "./dialog.js";
import { useAnswer } from "./live.js";
import { MintToken } from "./mint.js";
import { Answer, Curl, Do, Heading, Id } from "./parts.js";
import { link } from "./router.js";
import { Secret } from "./secret.js";
import { covers, session, signOut } from "./session.js";
import { useStore } from "./store.js";
import { Time } from "./time.js";

const PAGE = 100;

export function Tokens({ query }) {
  const { self } = useStore(session);
  const answer = useAnswer("listTokens", { query: { limit: PAGE, after: query.after } });
  const refresh = () => answer.refresh();
  const mint = () => show(MintToken, { self, minted: (token) => { refresh(); show(Secret, { title: `The token ${token.name}`, name: "token", secret: token.token }); } });
  return html`<div class="line-up">
      <${Heading}>Tokens</${Heading}><span class="space"></span>
      <${Do} operation="mintToken" primary onClick=${mint}>Mint a token…</${Do}>
    </div>
    <${Answer} answer=${answer} rows=${6}>${({ items, next }) => html`
      <div class="scroll" tabindex="0" role="region" aria-label="Tokens"><table>
        <thead><tr><th scope="col">name</th><th scope="col">scopes</th><th scope="col">topics</th><th scope="col">created</th><th scope="col">ends</th>
          <th scope="col" class="number">requests/s</th><th scope="col"><span class="hidden">actions</span></th></tr></thead>
        <tbody>${items.map((token) => html`<${Row} key=${token.id} token=${token} self=${self} refresh=${refresh} />`)}</tbody>
      </table></div>
      <div class="more">
        ${query.after ? html`<a href=${link(["tokens"])}>First page</a>` : null}
        ${next ? html`<a href=${link(["tokens"], { after: next })}>Next page</a>` : null}
        <${Curl} operation="listTokens" />
      </div>`}</${Answer}>`;
}

function Row({ token, self, refresh }) {
  const own = token.id === self.id;
  // a token revokes those that allow no more than it does
  const less = token.scopes.every((scope) => self.scopes.includes(scope)) && token.topics.every((topic) => covers(self.topics, topic));
  const ended = token.expires_at && new Date(token.expires_at) < Date.now();
  return html`<tr data-row class=${ended ? "faded" : ""}>
    <td><strong>${token.name}</strong>${own ? html` <span class="chip">this session</span>` : null}${ended ? html` <span class="chip">ended</span>` : null}
      <div class="muted"><${Id} id=${token.id} /></div></td>
    <td class="reason">${token.scopes.map((scope) => html`<span key=${scope}><span class=${`chip ${scope === "tokens" ? "strong" : ""}`}>${scope}</span> </span>`)}</td>
    <td>${token.topics.map((topic) => html`<span key=${topic}><code>${topic}</code> </span>`)}</td>
    <td class="tight"><${Time} at=${token.created_at} /></td>
    <td class="tight"><${Time} at=${token.expires_at} absent="never" /></td>
    <td class="number">${token.requests_per_second ?? "no limit"}</td>
    <td class="tight">${less ? html`<${Do} operation="revokeToken" quiet onClick=${() => show(Revoke, { token, own, refresh })}>Revoke…</${Do}>` : null}</td>
  </tr>`;
}

function Revoke({ token, own, refresh, close }) {
  const powerful = token.scopes.includes("tokens");
  return html`<${Ask} title=${`Revoke ${token.name}`} operation="revokeToken" request=${() => ({ path: { id: token.id } })}
    action="Revoke" danger typed=${powerful || own ? token.name : undefined} close=${close}
    done=${() => `${token.name} is revoked`} after=${() => (own ? signOut("You have revoked the token of this session.") : refresh())}>
    <p>Programs that use it get 401 within a minute. Its name is free again.</p>
    ${powerful ? html`<p>It may mint and revoke tokens: be sure that another one can.</p>` : null}
    ${own ? html`<p>It is the token of this session: you will be signed out.</p>` : null}
  </${Ask}>`;
}
