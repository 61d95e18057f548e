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
    ${(note || fault) && html`<small id=${`${id}-note`} class=${fault ? "fault" : ""}>${fault || note}</small>`}
  </div>`;
}

// Read lines of `name<separator>value`. Returns {values, fault}: values is undefined when there is none.
export function readLines(text, separator) {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const wrong = lines.find((line) => line.indexOf(separator) < 1);
  if (wrong) return { fault: `Write each line as name${separator}value: ${wrong}` };
  const pairs = lines.map((line) => line.split(separator)).map(([name, ...rest]) => [name.trim(), rest.join(separator).trim()]);
  return { values: lines.length ? Object.fromEntries(pairs) : undefined, fault: null };
}
