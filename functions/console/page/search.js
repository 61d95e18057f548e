import { html } from "./vendor.js";
import { Heading } from "./parts.js";

export function Search() {
  return html`<${Heading}>Search</${Heading}>`;
}
