
// Which rows, which of them is shown, what was decided on it.

const address = new URL(location.href);
const token = address.searchParams.get("token") || "";
const pageSize = 40;       // rows asked for at once
const ahead = 3;           // pictures fetched before they are shown
const undecidable = new Set(["planned", "declined", "failed"]);
const classKeys = "0123456789qwertyuiop";  // by class

let about = null;
let list = "pairs";
let rows = [];             // of this list, as far as they came; what was decided stays
let place = 0;             // of the row that is shown
let left = 0;              // undecided ones under these filters
let cursor = -1;           // id of the last row that came
let ended = false;         // nothing comes behind it
let loading = null;
let sitting = 0;           // a new one with every filter: what comes late for an older one is dropped
let editing = false;
let armed = false;         // the next X quarantines
let done = "";             // what the last key did, in words
const decidedHere = [];    // {id, list, at}: newest last
const pictures = new Map();  // id -> promise of an address in this page's memory

const say = (text) => {
  at("fault").textContent = text;
  at("fault").hidden = text === "";
};
const explain = (fault) => fault instanceof TypeError ? "The program that shows this page has ended: start it again." : fault.message;
const reviewer = () => at("reviewer").value.trim();
const current = () => rows[place];

async function call(path, body) {
  const response = await fetch(path, {
    method: body ? "POST" : "GET", body: body ? JSON.stringify(body) : undefined, cache: "no-store", credentials: "omit", redirect: "error",
    headers: {"X-Holisafe-Token": token, ...(body ? {"Content-Type": "application/json"} : {})},
  });
  if (response.ok) return response;
  const error = await response.json().then((answer) => answer.error, () => ({message: "It answered " + response.status + "."}));
  throw new Error(error.message);
}
const ask = async (path, body) => (await call(path, body)).json();

// Rows.

function pathOf(after) {
  const wanted = new URLSearchParams({state: at("state").value, limit: pageSize});
  if (after >= 0) wanted.set("after", after);
  if (list === "pairs") {
    for (const name of ["type", "subcategory"]) if (at(name).value) wanted.set(name, at(name).value);
    if (at("decided").checked) wanted.set("show", "all");
  }
  return "api/" + list + "?" + wanted;
}

async function load() {
  if (ended || loading) return loading;
  const mine = sitting;
  loading = ask(pathOf(cursor)).then((answer) => {
    if (mine !== sitting) return;
    const came = answer[list];
    if (cursor < 0) left = answer.left;
    ended = came.length < pageSize;
    if (came.length > 0) cursor = came[came.length - 1].id;
    const there = new Set(rows.map((row) => row.id));
    rows.push(...came.filter((row) => !there.has(row.id)));
  }).finally(() => {
    if (mine === sitting) loading = null;
  });
  return loading;
}

async function begin() {
  sitting += 1;
  rows = [];
  place = 0;
  cursor = -1;
  ended = false;
  loading = null;
  leaveEdit();
  for (const element of document.querySelectorAll(".of-pairs")) element.hidden = list !== "pairs";
  for (const button of document.querySelectorAll("[data-list]")) button.setAttribute("aria-pressed", button.dataset.list === list);
  at("pair").hidden = list !== "pairs";
  at("image").hidden = list !== "images";
  await Promise.all([load(), ask("api/about").then(showStates)]);
  show(0);
}

/// The states of the list, each with what is left in it.
function showStates({lists}) {
  const chosen = at("state").value;
  at("state").replaceChildren(...lists[list].map(({state, left: count}) => option(state, words(state) + " (" + count.toLocaleString("en") + ")")));
  if (lists[list].some(({state}) => state === chosen)) at("state").value = chosen;
}

const imageOf = (row) => list === "pairs" ? row.image_id : row.id;
const isDecided = (row) => list === "pairs" ? Boolean(row.review) : row.state !== at("state").value;

async function move(by) {
  const target = place + by;
  done = "";
  if (target < 0) return;
  if (target >= rows.length) await load();
  show(Math.min(target, rows.length));
}

/// To the next row that nobody has decided.
async function moveOn() {
  let next = place + 1;
  for (;;) {
    while (next < rows.length && isDecided(rows[next])) next += 1;
    if (next < rows.length || ended) return show(next);
    await load();
  }
}

// Pictures: in this page's memory alone, those around the shown row.

function picture(id) {
  if (!pictures.has(id)) {
    pictures.set(id, call("api/images/" + id).then((response) => response.blob()).then((blob) => URL.createObjectURL(blob)));
    pictures.get(id).catch(() => pictures.delete(id));
  }
  return pictures.get(id);
}

function fetchAhead() {
  const near = rows.slice(Math.max(place - 2, 0), place + 1 + ahead).map(imageOf);
  for (const [id, address] of pictures) {
    if (near.includes(id)) continue;
    pictures.delete(id);
    address.then(URL.revokeObjectURL, () => {});
  }
  for (const id of near) picture(id).catch(() => {});
  if (place + pageSize / 2 > rows.length) load().catch((fault) => say(explain(fault)));
}

async function showPicture(row, veiled) {
  const id = imageOf(row);
  const image = at("picture");
  unveil(false);
  at("stage").classList.toggle("veiled", veiled);
  if (image.dataset.id === String(id)) return;
  image.removeAttribute("src");
  image.alt = "Picture of #" + row.id;
  image.dataset.id = id;
  at("lacking").hidden = true;
  try {
    const found = await picture(id);
    if (image.dataset.id === String(id)) image.src = found;
  } catch (fault) {
    if (image.dataset.id !== String(id)) return;
    delete image.dataset.id;
    at("lacking").textContent = "No picture. " + explain(fault);
    at("lacking").hidden = false;
  }
}

const unveil = (seen) => at("stage").classList.toggle("seen", seen);

// What is shown.

function show(target) {
  place = target;
  arm(false);
  const row = current();
  at("work").hidden = !row;
  at("nothing").hidden = Boolean(row);
  at("note").value = "";
  if (row) {
    const veiled = list === "pairs" ? showPair(row) : showImage(row);
    showPicture(row, veiled);
    at("row").scrollTop = 0;
  } else {
    at("nothing-head").textContent = left > 0 ? left.toLocaleString("en") + " were passed over" : "Nothing left here";
    at("nothing-text").textContent = left > 0 ? "They are still to be decided." : "Choose another state, combination or class, or close this page.";
  }
  fetchAhead();
  showCounts();
}

function showCounts() {
  const now = Date.now();
  const recent = decidedHere.filter((one) => now - one.at < 600000);
  const out = [make("b", left.toLocaleString("en")), " left"];
  const decided = decidedHere.length;
  if (done) out.unshift(done + " · ");
  if (decided > 0) out.push(" · ", make("b", decided.toLocaleString("en")), " decided now");
  if (recent.length > 4) {
    const minutes = Math.max((now - recent[0].at) / 60000, 1 / 60);
    const rate = (recent.length - 1) / minutes;
    const rest = left / rate;
    out.push(" · " + (rate < 10 ? rate.toFixed(1) : Math.round(rate)) + " a minute");
    if (left > 0) out.push(" · about " + (rest < 90 ? Math.max(1, Math.round(rest)) + " min" : (rest / 60).toFixed(1) + " h"));
  }
  at("counts").replaceChildren(...out);
  at("done").style.width = (decided + left > 0 ? 100 * decided / (decided + left) : 0) + "%";
}

// Decisions.

/// Sends one about a row, and gives the row as it is then.
async function send(row, decision) {
  const whose = list === "pairs" ? {id: row.id} : {image_id: row.id};
  const note = at("note").value.trim();
  const name = reviewer();
  const answer = await ask("api/decisions", {...whose, ...decision, ...(name ? {reviewer: name} : {}), ...(note ? {note} : {})});
  say("");
  return answer;
}

async function decide(decision) {
  const row = current();
  if (!row) return;
  const now = await send(row, decision);
  left += Number(isDecided(row)) - Number(isDecided(now));
  rows[place] = now;
  decidedHere.push({id: row.id, list, at: Date.now()});
  done = "#" + row.id + " " + (list === "pairs" ? decisionWords[decision.decision] : "is " + words(now.label));
  await moveOn();
}

/// Of what was decided here the last one, of whatever filter; else of the row that is shown.
async function undo() {
  const last = decidedHere.map((one) => one.list).lastIndexOf(list);
  const [taken] = last < 0 ? [current()] : decidedHere.slice(last);
  if (!taken) return;
  at("note").value = "";
  const now = await send(taken, {decision: "undo"});
  if (last >= 0) decidedHere.splice(last, 1);
  done = "#" + now.id + " taken back";
  left += Number(!isDecided(now));
  let target = rows.findIndex((row) => row.id >= now.id);
  if (target < 0) target = rows.length;
  rows.splice(target, Number(rows[target]?.id === now.id), now);
  show(target);
}

function beginEdit() {
  const row = current();
  if (!row) return;
  if (undecidable.has(row.state)) return say("A pair that is " + row.state + " is not edited.");
  editing = true;
  for (const name of ["instruction", "response"]) {
    at(name + "-edit").value = row[name] || "";
    at(name).hidden = true;
    at(name + "-edit").hidden = false;
  }
  at("acts").hidden = true;
  at("edits").hidden = false;
  at("instruction-edit").focus();
}

function leaveEdit() {
  editing = false;
  for (const name of ["instruction", "response"]) {
    at(name).hidden = false;
    at(name + "-edit").hidden = true;
  }
  at("acts").hidden = false;
  at("edits").hidden = true;
  document.activeElement?.blur();
}

async function save() {
  await decide({decision: "edit", instruction: at("instruction-edit").value, response: at("response-edit").value});
  leaveEdit();
}

const label = (name) => decide({decision: "label", label: name});

function arm(on) {
  armed = on;
  document.querySelector("[data-act=quarantine]").classList.toggle("armed", on);
}

/// Never taken back, so asked for twice.
async function quarantine() {
  const row = current();
  if (!row) return;
  if (!armed) {
    arm(true);
    return say("Press X again: this picture will never be shown or exported again, and its pairs are rejected.");
  }
  const id = imageOf(row);
  const name = reviewer();
  const was = rows.filter((one) => imageOf(one) === id && !isDecided(one)).length;
  await ask("api/decisions", {image_id: id, decision: "label", label: "quarantine", ...(name ? {reviewer: name} : {})});
  say("");
  rows = rows.filter((one) => imageOf(one) !== id);
  left -= was;
  delete at("picture").dataset.id;
  at("picture").removeAttribute("src");
  if (place >= rows.length) await load();
  show(Math.min(place, rows.length));
}

// Keys and buttons.

const acts = {
  accept: () => decide({decision: "accept"}),
  reject: () => decide({decision: "reject"}),
  edit: beginEdit,
  undo,
  save,
  leave: leaveEdit,
  next: () => move(1),
  previous: () => move(-1),
  first: begin,
  note: () => at("note").focus(),
  help: () => at("help").showModal(),
  quarantine,
};
const shared = {j: "next", ArrowRight: "next", ArrowDown: "next", k: "previous", ArrowLeft: "previous", ArrowUp: "previous", g: "first", n: "note",
                "?": "help", X: "quarantine"};
const ofPairs = {...shared, a: "accept", e: "edit", r: "reject", u: "undo"};
const repeats = new Set(["next", "previous"]);

/// One after the other, each on what the one before left.
let waiting = Promise.resolve();
function enqueue(act) {
  waiting = waiting.then(act).catch((fault) => say(explain(fault)));
}

function press(name) {
  enqueue(() => {
    if (armed && name !== "quarantine") {
      arm(false);
      say("");
    }
    return acts[name]();
  });
}

const isField = (element) => ["INPUT", "SELECT", "TEXTAREA"].includes(element.tagName);

document.addEventListener("keydown", (event) => {
  if (at("help").open) return;
  const {key, target} = event;
  if (editing) {
    if (key === "Enter" && (event.ctrlKey || event.metaKey)) press("save");
    else if (key === "Escape") press("leave");
    else return;
    return event.preventDefault();
  }
  if (isField(target)) {
    if (key === "Escape" || (key === "Enter" && target.tagName === "INPUT")) target.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const onButton = target.tagName === "BUTTON" && (key === " " || key === "Enter");
  if (onButton) return;
  if (key === " " || key === "h") {
    unveil(true);
    return event.preventDefault();
  }
  const chosen = list === "images" ? classKeys.indexOf(key) : -1;
  const name = (list === "pairs" ? ofPairs : shared)[key];
  if (!name && chosen < 0) return;
  event.preventDefault();
  if (event.repeat && !repeats.has(name)) return;
  if (name) press(name);
  else enqueue(() => label(about.classes[chosen].name));
});
document.addEventListener("keyup", (event) => {
  if (event.key === " " || event.key === "h") unveil(false);
});
window.addEventListener("blur", () => unveil(false));
at("stage").addEventListener("pointerdown", () => unveil(true));
for (const name of ["pointerup", "pointercancel", "pointerleave"]) at("stage").addEventListener(name, () => unveil(false));

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.act) press(button.dataset.act);
  else if (button.dataset.label) enqueue(() => label(button.dataset.label));
  else if (button.dataset.list) enqueue(() => changeList(button.dataset.list));
  else return;
  if (event.detail > 0) button.blur();  // by the pointer: the keys are for the row again
});
at("ask-help").addEventListener("click", () => press("help"));

function option(value, text) {
  const out = make("option", text);
  out.value = value;
  return out;
}

function changeList(name) {
  list = name;
  showStates(about);  // so that one is chosen
  return begin();
}

const keyTexts = [
  ["a", "accept, and on to the next one"], ["e", "edit: Ctrl+Enter saves, Escape leaves"], ["r", "reject"], ["u", "take my last decision back"],
  ["j k", "next and previous, as → and ←"], ["g", "begin anew with what was passed over"],
  ["space h", "while held: see a picture that may be unsafe"], ["n", "a note that goes with the next decision"],
  ["0–9 q–p", "in Labels: what the picture is"], ["X", "twice: quarantine. For sexual content with anyone who may be a minor; nobody sees the picture again"], ["?", "these keys"],
];

function fill() {
  document.title = "Review: " + about.title;
  put(at("title"), about.title);
  at("reviewer").value = address.searchParams.get("reviewer") || about.reviewer || "";
  at("type").replaceChildren(option("", "all"), ...about.types.map((name) => option(name, name)));
  at("subcategory").replaceChildren(option("", "all"), ...about.classes.slice(1).map(({name}) => option(name, words(name))));
  at("classes").replaceChildren(...about.classes.map(({name, category}, index) => {
    const out = make("button");
    out.type = "button";
    out.dataset.label = name;
    const text = make("span", words(name));
    if (category !== name) text.append(" ", make("small", words(category)));
    out.append(make("kbd", classKeys[index]), text);
    return out;
  }));
  for (const [keys, text] of keyTexts) {
    const term = make("dt");
    for (const key of keys.split(" ")) term.append(make("kbd", key), " ");
    at("keys").append(term, make("dd", text));
  }
}

for (const name of ["state", "type", "subcategory", "decided"]) {
  at(name).addEventListener("change", () => {
    at(name).blur();
    enqueue(begin);
  });
}
at("reviewer").addEventListener("change", () => {
  address.searchParams.set("reviewer", reviewer());  // kept with the address, and nowhere else
  history.replaceState(null, "", address);
});

enqueue(async () => {
  about = await ask("api/about");
  fill();
  await changeList("pairs");
});
