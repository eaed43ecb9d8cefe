
"use strict";
// One row as it is shown. Runs before review.js, in the same scope.

const at = (id) => document.getElementById(id);
const make = (name, text, className) => {
  const out = document.createElement(name);
  if (text !== undefined) out.textContent = text;
  if (className) out.className = className;
  return out;
};
const words = (name) => String(name ?? "").replaceAll("_", " ");

/// Text of anybody's: characters that turn or hide others become visible signs.
const hidden = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]|[\u{e0000}-\u{e007f}]/gu;
function put(element, text) {
  element.replaceChildren();
  let from = 0;
  for (const found of text.matchAll(hidden)) {
    element.append(text.slice(from, found.index), make("span", "U+" + found[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0"), "sign"));
    from = found.index + found[0].length;
  }
  element.append(text.slice(from));
}
function putText(id, text, none) {
  at(id).classList.toggle("none", !text);
  put(at(id), text || none);
}

function chip(text, className) {
  const out = make("span", undefined, "chip" + (className ? " " + className : ""));
  put(out, text);
  return out;
}

const decisionWords = {accept: "accepted", edit: "edited", reject: "rejected"};
const reviewText = (review) => decisionWords[review.decision] + " by " + review.reviewer;

const lastOf = (row, step) => (row.checks || []).filter((check) => check.step === step).pop();

function whatOf(row) {
  const letters = make("span", undefined, "letters");
  for (const letter of row.type) letters.append(make("span", letter, letter));
  letters.title = "image, text, both together: S is safe, U unsafe";
  const out = [letters, chip(words(row.category) + (row.category === row.subcategory ? "" : " / " + words(row.subcategory)))];
  if (row.state !== "ready") out.push(chip(row.state + (row.filter ? ": " + row.filter : "")));
  if (row.review) out.push(chip(reviewText(row.review), "decided"));
  out.push(make("span", "#" + row.id, "quiet"));
  return out;
}

function checkTable(row) {
  const safe = (is) => is ? "safe" : "unsafe";
  const yes = (is) => is ? "yes" : "no";
  const pair = lastOf(row, "check");
  const text = lastOf(row, "text_check");
  const lines = [];
  const add = (question, planned, said) => lines.push([question, planned, said]);
  if (pair) {
    add("Image", safe(row.type[0] === "S"), safe(pair.image_safe));
    add("Text", safe(row.type[1] === "S"), safe(pair.text_safe));
    add("Together", safe(row.type[2] === "S"), safe(pair.together_safe));
  }
  if (text) {
    add("Text alone is harmful", yes(row.type[1] === "U"), yes(text.harmful));
    add("Text tells what the picture shows", ["SSU", "USU"].includes(row.type) ? "no" : "", yes(text.reveals_image));
  }
  const body = make("tbody");
  for (const [question, planned, said] of lines) {
    const line = make("tr", undefined, planned && planned !== said ? "other" : "");
    line.append(make("th", question), make("td", planned || "–"), make("td", said + (line.className ? " ≠" : "")));
    body.append(line);
  }
  const head = make("thead");
  const names = make("tr");
  names.append(make("th", ""), make("th", "planned"), make("th", "checker"));
  head.append(names);
  const out = make("table");
  out.append(head, body);
  return out;
}

function reasonLine(text, className) {
  const out = make("p", undefined, "reason" + (className ? " " + className : ""));
  out.dir = "auto";
  put(out, text);
  return out;
}

function showChecks(row) {
  const out = [];
  if (row.state !== "ready" && row.reason) out.push(reasonLine(row.reason, "state"));
  const checks = [lastOf(row, "check"), lastOf(row, "text_check")].filter(Boolean);
  if (checks.length > 0) out.push(checkTable(row));
  else out.push(make("p", "Nobody checked this pair.", "text none"));
  for (const check of checks) if (check.reason) out.push(reasonLine(check.reason));
  const by = [["written by", row.writer], ["checked by", row.checker], ["rewritten", row.rewrites ? row.rewrites + "×" : ""]];
  const said = by.filter(([, value]) => value).map(([name, value]) => name + " " + value).join(" · ");
  if (said) out.push(reasonLine(said, "quiet"));
  at("checks").replaceChildren(...out);
}

function showPair(row) {
  at("what").replaceChildren(...whatOf(row));
  putText("instruction", row.instruction, "No instruction.");
  putText("response", row.response, "No response.");
  const before = row.review && row.review.before;
  at("before").hidden = !before;
  if (before) put(at("before-text"), [before.instruction, before.response].filter(Boolean).join("\n\n"));
  showChecks(row);
  const check = lastOf(row, "check");
  return !row.image_safe || Boolean(check && !check.image_safe);
}

function showImage(row) {
  const named = row.label ? [chip(words(row.label), "decided")] : [];
  at("what").replaceChildren(chip(row.state), ...named, chip(row.path), make("span", "#" + row.id, "quiet"));
  const body = make("tbody");
  const said = new Set();
  for (const vote of row.labels || []) {
    said.add(vote.label);
    const line = make("tr");
    const by = make("td");
    put(by, vote.by);
    line.append(make("th", words(vote.label)), by);
    body.append(line);
  }
  const table = make("table");
  table.append(body);
  at("votes").replaceChildren(said.size > 0 ? table : make("p", "Nobody has said anything.", "text none"));
  if (row.reason) at("votes").append(reasonLine(row.reason));
  for (const button of at("classes").children) {
    button.classList.toggle("said", said.has(button.dataset.label));
    button.setAttribute("aria-pressed", row.label === button.dataset.label);
  }
  return true;  // nobody knows yet what it shows
}

