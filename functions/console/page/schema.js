import { html } from "./vendor.js";
import { Line } from "./markdown.js";

// JSON Schema as the contract uses it, in words.

// Return what a `$ref` names, with what stands beside it.
export function resolve(contract, part) {
  if (!part?.$ref) return part || {};
  const target = part.$ref
    .slice(2)
    .split("/")
    .reduce((found, name) => found[name], contract);
  return { ...resolve(contract, target), ...part, $ref: undefined };
}

// Return {schema, nullable} of `anyOf: [schema, null]`.
function withoutNull(contract, schema) {
  const found = resolve(contract, schema);
  if (!found.anyOf) return { schema: found, nullable: Array.isArray(found.type) && found.type.includes("null") };
  const others = found.anyOf.filter((each) => each.type !== "null");
  const { anyOf, ...beside } = found;
  if (others.length !== 1) return { schema: { ...beside, oneOf: others }, nullable: others.length < anyOf.length };
  return { schema: { ...resolve(contract, others[0]), ...beside }, nullable: others.length < anyOf.length };
}

function kind(contract, schema) {
  const found = withoutNull(contract, schema).schema;
  if (found.const !== undefined) return JSON.stringify(found.const);
  if (found.enum) return found.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (found.oneOf) return found.oneOf.map((each) => kind(contract, each)).join(" | ");
  const type = Array.isArray(found.type) ? found.type.filter((each) => each !== "null").join(" | ") : found.type;
  if (type === "array") return `list of ${kind(contract, found.items)}`;
  if (type === "string" && found.format) return { "date-time": "time", uuid: "id", uri: "url" }[found.format] || found.format;
  return type || "any JSON";
}

function bounds({ minimum, maximum, minLength, maxLength, minItems, maxItems }) {
  const range = (least, most, unit) => {
    if (least === undefined && most === undefined) return "";
    if (least === undefined) return `at most ${most.toLocaleString("en")}${unit}`;
    return most === undefined ? `at least ${least.toLocaleString("en")}${unit}` : `${least.toLocaleString("en")} to ${most.toLocaleString("en")}${unit}`;
  };
  return range(minimum, maximum, "") || range(minLength, maxLength, " characters") || range(minItems, maxItems, " items");
}

// The parts of an object: name, kind, bounds, default, description; those of objects inside below it.
export function Members({ contract, schema, depth = 0 }) {
  const found = withoutNull(contract, schema).schema;
  const inner = found.type === "array" ? withoutNull(contract, found.items).schema : found;
  if (inner.oneOf && !inner.properties) {
    return inner.oneOf.map((each, index) => html`<div key=${index}>${index > 0 && html`<p class="muted">or</p>`}
      <${Members} contract=${contract} schema=${each} depth=${depth} /></div>`);
  }
  if (!inner.properties) return depth === 0 && found.description ? html`<p><${Line} text=${found.description} /></p>` : null;
  return html`<ul class="members">
    ${Object.entries(inner.properties).map(([name, member]) => {
      const { schema: one, nullable } = withoutNull(contract, member);
      const notes = [
        inner.additionalProperties === false && inner.required?.includes(name) ? "needed" : "",
        bounds(one),
        one.default !== undefined && one.default !== null ? `default ${JSON.stringify(one.default)}` : "",
        nullable ? "or null" : "",
      ].filter(Boolean);
      return html`<li key=${name}>
        <code>${name}</code> <span class="muted">${kind(contract, one)}${notes.length ? `, ${notes.join(", ")}` : ""}</span>
        ${one.description && html`<div><${Line} text=${one.description.trim()} /></div>`}
        ${depth < 3 && html`<${Members} contract=${contract} schema=${{ ...one, description: undefined }} depth=${depth + 1} />`}
      </li>`;
    })}
  </ul>`;
}

export function Parameter({ contract, parameter }) {
  const { schema } = withoutNull(contract, parameter.schema);
  const notes = [kind(contract, schema), bounds(schema), schema.default !== undefined ? `default ${JSON.stringify(schema.default)}` : ""];
  return html`<li>
    <code>${parameter.name}</code> <span class="muted">in ${parameter.in}, ${notes.filter(Boolean).join(", ")}${parameter.required && parameter.in !== "path" ? ", needed" : ""}</span>
    ${parameter.description && html`<div><${Line} text=${parameter.description.trim()} /></div>`}
  </li>`;
}
