// Draws /openapi.json. All text goes through textContent, so nothing in the document can become markup.
"use strict";

let schemas = {};

function make(tag, text, ...children) {
  const node = document.createElement(tag);
  if (text) node.textContent = text;
  node.append(...children);
  return node;
}

function quiet(text) {
  const node = make("span", text);
  node.className = "quiet";
  return node;
}

function resolve(schema) {
  return schema && schema.$ref ? schemas[schema.$ref.split("/").pop()] : schema || {};
}

// "string (date-time)", "array of Case", "OPEN | CLOSED", with the limits behind it.
function typeOf(schema) {
  const any = schema.anyOf || schema.oneOf;
  if (any) return any.map(typeOf).join(" or ");
  const found = resolve(schema);
  if (found.const !== undefined) return JSON.stringify(found.const);
  if (found.enum) return found.enum.join(" | ");
  if (found.type === "array") return "array of " + typeOf(found.items || {});
  if (found.type === "object" && schema.$ref) return "object";
  return (found.type || "any") + (found.format ? ` (${found.format})` : "");
}

const LIMITS = {
  minLength: "at least $ characters", maxLength: "up to $ characters", minItems: "at least $", maxItems: "up to $",
  minimum: "from $", maximum: "to $", pattern: "matches $", contentEncoding: "in $",
};

function limits(schema) {
  const found = resolve(schema);
  return Object.keys(LIMITS).filter((key) => found[key] !== undefined)
    .map((key) => LIMITS[key].replace("$", () => found[key])).join(", ");
}

// One row for each field, those of inner objects with their path: `data.order.amount`.
function rows(schema, path, seen) {
  const found = resolve(schema);
  return Object.entries(found.properties || {}).flatMap(([name, inner]) => {
    const place = path ? `${path}.${name}` : name;
    const needed = (found.required || []).includes(name) ? "required" : "";
    const row = { place, type: typeOf(inner), notes: [needed, limits(inner), inner.description] };
    const below = (inner.anyOf || [inner]).map((one) => (one.type === "array" ? one.items : one));
    const suffix = inner.type === "array" ? "[]" : "";
    const deeper = below.filter((one) => one && one.$ref && !seen.includes(one.$ref))
      .flatMap((one) => rows(one, place + suffix, [...seen, one.$ref]));
    return [row, ...deeper];
  });
}

function table(entries) {
  const body = make("tbody");
  for (const entry of entries) {
    const notes = entry.notes.filter(Boolean).join("; ");
    body.append(make("tr", "", make("td", "", make("code", entry.place)), make("td", entry.type),
      make("td", "", quiet(notes))));
  }
  return make("table", "", body);
}

function parameters(list) {
  return table(list.map((one) => ({
    place: one.name,
    type: typeOf(one.schema),
    notes: [one.in, one.required ? "required" : "", limits(one.schema), one.description,
      one.schema.default !== undefined ? `default ${JSON.stringify(one.schema.default)}` : ""],
  })));
}

function answers(responses) {
  const list = make("div");
  for (const [status, answer] of Object.entries(responses)) {
    const schema = ((answer.content || {})["application/json"] || {}).schema;
    const head = make("summary", "", make("code", status), ` ${answer.description}`);
    const fields = schema ? rows(schema, "", []) : [];
    list.append(fields.length ? make("details", "", head, table(fields)) : make("div", "", ...head.childNodes));
  }
  return list;
}

function call(method, path, operation) {
  const badge = make("span", method.toUpperCase());
  badge.className = "method";
  const article = make("article", "", make("h3", "", badge, " ", make("code", path)),
    make("p", operation.description || operation.summary));
  article.id = operation.operationId;
  const security = (operation.security || []).flatMap(Object.keys);
  if (security.length) article.append(make("p", "", quiet(`Proof of the caller: ${security.join(", ")}`)));
  if (operation.parameters) article.append(make("h4", "Parameters"), parameters(operation.parameters));
  if (operation.requestBody) {
    const content = operation.requestBody.content["application/json"];
    for (const body of content.schema.oneOf || [content.schema]) {
      article.append(make("h4", `Body: ${resolve(body).title}`), table(rows(body, "", [])));
    }
    if (content.example) article.append(make("pre", JSON.stringify(content.example, null, 2)));
  }
  article.append(make("h4", "Answers"), answers(operation.responses));
  return article;
}

function draw(description) {
  schemas = description.components.schemas;
  document.getElementById("about").textContent = description.info.description;
  const calls = document.getElementById("calls");
  const contents = make("ul");
  let tag = "";
  for (const [path, operations] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      if (operation.tags[0] !== tag) calls.append(make("h2", (tag = operation.tags[0])));
      const link = make("a", operation.summary);
      link.href = `#${operation.operationId}`;
      contents.append(make("li", "", link));
      calls.append(call(method, path, operation));
    }
  }
  document.getElementById("contents").append(contents);
}

fetch("/openapi.json").then((answer) => answer.json()).then(draw).catch((error) => {
  document.getElementById("calls").append(make("p", `The description could not be read: ${error.message}`));
});
