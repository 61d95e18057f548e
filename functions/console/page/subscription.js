import { html } from "./vendor.js";
import { Heading } from "./parts.js";

export function Subscription() {
  return html`<${Heading}>Subscription</${Heading}>`;
}
