import { html } from "./vendor.js";
import { Heading } from "./parts.js";

export function Overview() {
  return html`<${Heading}>Overview</${Heading}>`;
}
