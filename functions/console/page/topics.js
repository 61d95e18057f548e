import { html } from "./vendor.js";
import { Heading } from "./parts.js";

export function Topics() {
  return html`<${Heading}>Topics</${Heading}>`;
}
