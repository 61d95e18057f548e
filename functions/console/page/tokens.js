import { html } from "./vendor.js";
import { Heading } from "./parts.js";

export function Tokens() {
  return html`<${Heading}>Tokens</${Heading}>`;
}
