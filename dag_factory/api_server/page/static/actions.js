/** Pause, unpause, trigger and retry: asks whether it is meant, does it, and shows what was refused. */

import { announce, element } from "./elements.js";
import * as server from "./server.js";
import { counted, number } from "./times.js";

/**
 * @typedef {import("./server.js").Action} Action
 * @typedef {{words: string, dagIds?: string[], filter?: Record<string, string>}} Target the pipelines by
 *   their ids, or by filter
 */

/** @type {Record<Action, {verb: string, done: string, right: "edit" | "trigger", consequence: string}>} */
export const ACTIONS = {
  trigger: { verb: "Trigger", done: "Triggered", right: "trigger", consequence: "A run of each starts now." },
  retry: {
    verb: "Retry",
    done: "Retried",
    right: "trigger",
    consequence: "The failed tasks of each one’s last run start again.",
  },
  pause: { verb: "Pause", done: "Paused", right: "edit", consequence: "No run starts by itself until they are unpaused." },
  unpause: { verb: "Unpause", done: "Unpaused", right: "edit", consequence: "Their runs start by schedule again." },
};
const MOST_SHOWN = 100;
// More than this are paused by the filter, in one request. Airflow then doesn't name those it left as they were.
const MOST_BY_ID = 200;

/**
 * Asks whether an action is meant and does it.
 *
 * @param {Action} action
 * @param {Target} target
 * @returns {Promise<boolean>} whether it was begun, once the user has closed what is said
 */
export function confirmed(action, target) {
  const { verb, consequence } = ACTIONS[action];
  let isDone = false;

  const close = element("button", { type: "button", class: "solid", onclick: () => dialog.close() }, "Close");
  const dialog = opened(title(`${verb} pipelines?`), element("p", {}, "Counting …"));
  ask().catch((error) => say([title("Nothing was done"), element("p", {}, reasonOf(error))]));

  /** Shows how many pipelines are meant. Up to MOST_BY_ID, exactly these are acted on. */
  async function ask() {
    const dagIds = target.dagIds ?? (await server.meant(action, target.filter ?? {})).dag_ids;
    const what = counted(dagIds.length, "pipeline");
    const cancel = element("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
    const go = element("button", { type: "button", class: "solid", onclick: () => run(dagIds) }, `${verb} ${what}`);
    go.disabled = !dagIds.length;
    const text = element("p", {}, `${target.words} ${dagIds.length ? consequence : "There are none now."}`);
    const warning = isByFilter(dagIds) && element("p", {}, "Others may match by then: all that match when you confirm are meant.");
    dialog.replaceChildren(...[title(`${verb} ${what}?`), text, warning, buttons(cancel, go)].filter((node) => node !== false));
    cancel.focus();
  }

  function isByFilter(/** @type {string[]} */ dagIds) {
    return target.filter !== undefined && ACTIONS[action].right === "edit" && dagIds.length > MOST_BY_ID;
  }

  async function run(/** @type {string[]} */ dagIds) {
    const bar = element("progress", { max: dagIds.length, "aria-label": "Progress" });
    const text = element("p", {}, "Working …");
    dialog.replaceChildren(title(`${verb} ${counted(dagIds.length, "pipeline")}`), text, bar);
    // Some may be done also where an error follows.
    isDone = true;
    try {
      const which = isByFilter(dagIds) ? { filter: target.filter ?? {} } : { dag_ids: dagIds };
      const outcome = await server.act(action, which, (left) => {
        bar.value = dagIds.length - left;
        text.textContent = `${number(dagIds.length - left)} of ${number(dagIds.length)}`;
      });
      const others = dagIds.length - outcome.done - outcome.refused.length;
      const isOpen = others > 0 && "The others were so already, or you may not change them.";
      say([...report(action, outcome), ...(isOpen ? [element("p", {}, isOpen)] : [])]);
    } catch (error) {
      say([title("It was not finished"), element("p", {}, reasonOf(error))]);
    }
  }

  function say(/** @type {Node[]} */ content) {
    dialog.replaceChildren(...content, buttons(close));
    announce(content[0].textContent ?? "");
    close.focus();
  }

  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(isDone), { once: true }));
}

/** @returns {Promise<void>} once a single pipeline is paused or unpaused; a refusal is shown */
export async function setPaused(/** @type {import("./server.js").Pipeline} */ pipeline, /** @type {boolean} */ paused) {
  const action = paused ? "pause" : "unpause";
  try {
    const outcome = await server.act(action, { dag_ids: [pipeline.dag_id] });
    if (!outcome.refused.length) announce(`${ACTIONS[action].done} ${pipeline.name}`);
    else show(...report(action, outcome));
  } catch (error) {
    show(title("Nothing was done"), element("p", {}, reasonOf(error)));
  }
}

function show(/** @type {Node[]} */ ...content) {
  const close = element("button", { type: "button", class: "solid", onclick: () => dialog.close() }, "Close");
  const dialog = opened(...content, buttons(close));
}

/** @returns {HTMLDialogElement} a dialog that is open; it is removed once it is closed */
function opened(/** @type {Node[]} */ ...content) {
  const dialog = element("dialog", { "aria-labelledby": "dialog-title" }, ...content);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** @returns {HTMLElement[]} */
function report(/** @type {Action} */ action, /** @type {{done: number, refused: import("./server.js").Refusal[]}} */ { done, refused }) {
  /** @type {HTMLElement[]} */
  const said = [title(`${ACTIONS[action].done} ${counted(done, "pipeline")}`)];
  if (!refused.length) return said;
  const lines = refused
    .slice(0, MOST_SHOWN)
    .map(({ dag_id, reason }) => element("li", {}, element("code", {}, dag_id), " ", reason));
  const more = refused.length - lines.length;
  said.push(element("p", {}, `Refused for ${counted(refused.length, "pipeline")}:`));
  said.push(element("ul", { class: "refusals", tabindex: 0 }, ...lines, more > 0 && element("li", {}, `and ${number(more)} more`)));
  return said;
}

const title = (/** @type {string} */ text) => element("h2", { id: "dialog-title" }, text);
const buttons = (/** @type {Node[]} */ ...children) => element("div", { class: "buttons" }, ...children);

function reasonOf(/** @type {unknown} */ error) {
  if (!(error instanceof server.Refused)) throw error;
  if (error.status === 401) return "You are not logged in any more. Log in to Airflow in another tab, and retry.";
  return error.status ? error.message : "Airflow’s API server does not answer. Some of it may have been done all the same.";
}
