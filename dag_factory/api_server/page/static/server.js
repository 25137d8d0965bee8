/** Asks the plugin's data routes, and has the shapes of what they answer. */

/**
 * @typedef {{text: string, file: string | null, line: number | null, column: number | null, field: string | null}} Problem
 * @typedef {{run_id: string, state: string, start: string | null}} PastRun
 * @typedef {PastRun & {end: string | null, seconds: number | null, records: number | null, warnings: number | null,
 *   errors: number | null, reason: string | null}} LastRun why it failed
 * @typedef {{dag_id: string, name: string, state: "good" | "last_good" | "broken", problem: Problem | null,
 *   warnings: Problem[], type: string | null, service: {type: string | null, name: string | null} | null,
 *   schedule: string | null, next_run: string | null, paused: boolean | null, last_run: LastRun | null,
 *   history: PastRun[], config: {key: string, version: string | null, changed_at: string | null} | null,
 *   owners: string[], links: {dag: string | null, log: string | null, openmetadata: string | null},
 *   may: {trigger: boolean | null, edit: boolean | null}}} Pipeline
 * @typedef {{total: number, pages: number, page: number, size: number, pipelines: Pipeline[]}} PipelinePage
 * @typedef {{checked_at: string, only_on_server: number, only_here: number, older_here: number, error: string | null}}
 *   Difference `error` is why the last check failed: the numbers are then those of the check before
 * @typedef {{counts: Record<string, number>, types: string[], services: string[], difference: Difference | null}} Overview
 * @typedef {{dag_id: string, reason: string}} Refusal
 * @typedef {{done: number, refused: Refusal[], left: string[]}} Portion `left` are those that were not reached in time
 * @typedef {"pause" | "unpause" | "trigger" | "retry"} Action
 */

/** The server did not do what it was asked. `status` is that of HTTP, 0 where no answer came. */
export class Refused extends Error {
  constructor(/** @type {number} */ status, /** @type {string} */ reason) {
    super(reason);
    this.status = status;
  }
}

/** @returns {Promise<Overview>} */
export const overview = () => ask("overview");

/** @returns {Promise<PipelinePage>} */
export const pipelines = (/** @type {string} */ query, /** @type {AbortSignal} */ signal) =>
  ask(`pipelines${query}`, { signal });

/** @returns {Promise<Pipeline>} */
export const pipeline = (/** @type {string} */ dagId) => ask(`pipelines/${encodeURIComponent(dagId)}`);

/** @returns {Promise<{total: number, dag_ids: string[]}>} which pipelines an action would be for; nothing is done */
export const meant = (/** @type {Action} */ action, /** @type {Record<string, string>} */ filter) =>
  post({ action, filter, dry_run: true });

// The server reads a MiB at most, and an id has up to 250 characters.
const MOST_IDS = 1000;

/**
 * Does an action, in as many portions as the server wants.
 *
 * @param {Action} action
 * @param {{dag_ids: string[]} | {filter: Record<string, string>}} which
 * @param {(left: number) => void} [progress] called after each portion
 * @returns {Promise<{done: number, refused: Refusal[]}>}
 */
export async function act(action, which, progress = () => {}) {
  let done = 0;
  /** @type {Refusal[]} */
  const refused = [];
  let waiting = "dag_ids" in which ? which.dag_ids : null;
  for (;;) {
    const now = waiting?.slice(0, MOST_IDS);
    /** @type {Portion} */
    const portion = await post({ action, ...(now ? { dag_ids: now } : which) });
    done += portion.done;
    refused.push(...portion.refused);
    waiting = [...portion.left, ...(waiting?.slice(MOST_IDS) ?? [])];
    if (!waiting.length) return { done, refused };
    progress(waiting.length);
  }
}

const post = (/** @type {object} */ body) =>
  ask("actions", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

/** @returns {Promise<any>} */
async function ask(/** @type {string} */ path, options = /** @type {RequestInit} */ ({})) {
  const answer = await fetch(new URL(`data/${path}`, document.baseURI), options).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "No answer came.");
  });
  const body = await answer.json().catch((error) => {
    // Its body was still on the way when it was no longer wanted.
    if (error.name === "AbortError") throw error;
    return null;
  });
  if (answer.ok && body !== null) return body;
  const reason = body?.error ?? body?.detail;
  throw new Refused(answer.status, typeof reason === "string" ? reason : `The answer was ${answer.status}.`);
}
