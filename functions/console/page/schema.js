import { html } from "./vendor.js";
import { number } from "./format.js";
import { Line } from "./markdown.js";

// JSON Schema as the contract uses it, in words.

// Return a part of a contract with what each `$ref` names in its place, together with what is beside it.
export function inline(part, contract = part) {
  if (Array.isArray(part)) return part.map((each) => inline(each, contract));
  if (part === null || typeof part !== "object") return part;
  const { $ref, ...beside } = part;
  const own = Object.fromEntries(Object.entries(beside).map(([name, value]) => [name, inline(value, contract)]));
  if (!$ref) return own;
  const named = $ref.slice(2).split("/").reduce((found, name) => found[name], contract);
  return { ...inline(named, contract), ...own };
}

// Return {schema, nullable} of `anyOf: [schema, null]`.
function withoutNull(schema = {}) {
  const { anyOf, ...beside } = schema;
  if (!anyOf) return { schema, nullable: Array.isArray(schema.type) && schema.type.includes("null") };
  const others = anyOf.filter((each) => each.type !== "null");
  const alone = others.length === 1 ? others[0] : { oneOf: others };
  return { schema: { ...alone, ...beside }, nullable: others.length < anyOf.length };
}

function kind(schema) {
  const found = withoutNull(schema).schema;
  if (found.const !== undefined) return JSON.stringify(found.const);
  if (found.enum) return found.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (found.oneOf) return found.oneOf.map((each) => kind(each)).join(" | ");
  const type = Array.isArray(found.type) ? found.type.filter((each) => each !== "null").join(" | ") : found.type;
  if (type === "array") return `list of ${kind(found.items)}`;
  if (type === "string" && found.format) return { "date-time": "time", uuid: "id", uri: "url" }[found.format] || found.format;
  return type || "any JSON";
}

function bounds({ minimum, maximum, minLength, maxLength, minItems, maxItems }) {
  const range = (least, most, unit) => {
    if (least === undefined && most === undefined) return "";
    if (least === undefined) return `at most ${number(most)}${unit}`;
    return most === undefined ? `at least ${number(least)}${unit}` : `${number(least)} to ${number(most)}${unit}`;
  };
  return range(minimum, maximum, "") || range(minLength, maxLength, " characters") || range(minItems, maxItems, " items");
}

// The parts of an object: name, kind, bounds, default, description; those of objects inside below it.
export function Members({ schema, depth = 0 }) {
  const found = withoutNull(schema).schema;
  const inner = found.type === "array" ? withoutNull(found.items).schema : found;
  if (inner.oneOf && !inner.properties) {
    return inner.oneOf.map((each, index) => html`<div key=${index}>${index > 0 && html`<p class="muted">or</p>`}
      <${Members} schema=${each} depth=${depth} /></div>`);
  }
  if (!inner.properties) return depth === 0 && found.description ? html`<p><${Line} text=${found.description} /></p>` : null;
  return html`<ul class="members">
    ${Object.entries(inner.properties).map(([name, member]) => {
      const { schema: one, nullable } = withoutNull(member);
      const notes = [
        inner.additionalProperties === false && inner.required?.includes(name) ? "needed" : "",
        bounds(one),
        one.default !== undefined && one.default !== null ? `default ${JSON.stringify(one.default)}` : "",
        nullable ? "or null" : "",
      ].filter(Boolean);
      return html`<li key=${name}>
        <code>${name}</code> <span class="muted">${kind(one)}${notes.length ? `, ${notes.join(", ")}` : ""}</span>
        ${one.description && html`<div><${Line} text=${one.description.trim()} /></div>`}
        ${depth < 3 && html`<${Members} schema=${{ ...one, description: undefined }} depth=${depth + 1} />`}
      </li>`;
    })}
  </ul>`;
}

export function Parameter({ parameter }) {
  const { schema } = withoutNull(parameter.schema);
  const notes = [
    kind(schema),
    bounds(schema),
    schema.default !== undefined && `default ${JSON.stringify(schema.default)}`,
    parameter.required && parameter.in !== "path" && "needed",
  ];
  return html`<li>
    <code>${parameter.name}</code> <span class="muted">in ${parameter.in}, ${notes.filter(Boolean).join(", ")}</span>
    ${parameter.description && html`<div><${Line} text=${parameter.description.trim()} /></div>`}
  </li>`;
}
