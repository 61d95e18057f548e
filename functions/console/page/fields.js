import { html, useId } from "./vendor.js";

// A field of a form: a name, what is typed, a note under it, and what is wrong with it.
export function Field({ label, value, set, note, fault, area = false, ...rest }) {
  const id = useId();
  const properties = {
    id,
    value,
    onInput: (event) => set(event.target.value),
    "aria-describedby": note || fault ? `${id}-note` : undefined,
    "aria-invalid": fault ? "true" : undefined,
    autocomplete: "off",
    spellcheck: false,
    ...rest,
  };
  return html`<div class="field"><label for=${id}>${label}</label>
    ${area ? html`<textarea ...${properties}></textarea>` : html`<input ...${properties} />`}
    ${note || fault ? html`<small id=${`${id}-note`} class=${fault ? "fault" : ""}>${fault || note}</small>` : null}
  </div>`;
}

// Read lines of `name<separator>value`. Returns {values, fault}: values is undefined when there is none.
export function readLines(text, separator) {
  const values = {};
  for (const line of text.split("\n").filter((line) => line.trim() !== "")) {
    const at = line.indexOf(separator);
    if (at < 1) return { values, fault: `Write each line as name${separator}value: ${line}` };
    values[line.slice(0, at).trim()] = line.slice(at + 1).trim();
  }
  return { values: Object.keys(values).length ? values : undefined, fault: null };
}
