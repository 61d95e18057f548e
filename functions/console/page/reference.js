import { html } from "./vendor.js";
import { Heading } from "./parts.js";

export function Reference() {
  return html`<${Heading}>Reference</${Heading}>`;
}
