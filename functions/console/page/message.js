import { html } from "./vendor.js";
import { Heading } from "./parts.js";

export function Message() {
  return html`<${Heading}>Message</${Heading}>`;
}
