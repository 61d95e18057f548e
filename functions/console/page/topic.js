import { html } from "./vendor.js";
import { Heading } from "./parts.js";

export function Topic() {
  return html`<${Heading}>Topic</${Heading}>`;
}
