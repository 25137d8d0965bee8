/** The list of all pipelines: asks for a page of it, shows it, and keeps address and list the same. */

import { confirmed, setPaused } from "./actions.js";
import { queryOfAirflow, showInAddress } from "./airflow_frame.js";
import { bulkBar, target } from "./bulk.js";
import { counts } from "./counts.js";
import { difference } from "./difference.js";
import { announce, element } from "./elements.js";
import { NONE, changed, fromQuery, inWords, toQuery } from "./filters.js";
import { keepingFocus } from "./focus.js";
import { icon } from "./icons.js";
import { noPipelines, nothingMatches, refused } from "./notices.js";
import { pager } from "./pager.js";
import { keepFresh } from "./refresh.js";
import { Selection } from "./selection.js";
import * as server from "./server.js";
import { placeholder, table } from "./table.js";
import { counted, exact, timeZone } from "./times.js";
import { toolbar } from "./toolbar.js";

const FIRST_ORDER = "name";

export function showList(/** @type {HTMLElement} */ page) {
  let filters = fromQuery(location.search || queryOfAirflow());
  /** @type {server.Overview | null} */
  let overview = null;
  /** @type {server.PipelinePage | null} */
  let answer = null;
  const selection = new Selection();
  let asking = new AbortController();

  const status = element("span", { class: "quiet" });
  const top = element("div");
  const tools = toolbar(choose);
  const apart = element("div");
  const content = element("div", { class: "content" }, placeholder());
  const again = { type: "button", class: "icon-button", "aria-label": "Refresh", title: "Refresh", onclick: () => ask() };
  page.replaceChildren(
    element("header", {}, element("h1", {}, "OpenMetadata pipelines"), status, element("button", again, icon("refresh"))),
    top,
    tools.node,
    apart,
    content,
  );

  addEventListener("popstate", () => {
    const next = fromQuery(location.search);
    tools.follow(next);
    open(next);
  });
  history.replaceState(null, "", location.pathname + toQuery(filters));
  showInAddress(toQuery(filters));
  showOverview();
  ask();
  keepFresh(() => ask());

  /** Opens the list with other filters: a step of its own for "back", but for each letter that is typed. */
  function choose(/** @type {Record<string, string | null>} */ changes, typing = false) {
    const next = changed(filters, changes);
    const isStep = !typing || ("q" in filters) !== ("q" in next);
    history[isStep ? "pushState" : "replaceState"](null, "", location.pathname + toQuery(next));
    open(next);
  }

  function open(/** @type {import("./filters.js").Filters} */ next) {
    if (inWords(next) !== inWords(filters)) selection.clear();
    filters = next;
    showInAddress(toQuery(filters));
    showOverview();
    askForPage().then((isNew) => isNew && answer && announce(counted(answer.total, "pipeline")));
  }

  /** The table does not wait for the counts. */
  async function ask() {
    await askForPage();
    await askForOverview();
  }

  async function askForOverview() {
    try {
      overview = await server.overview();
    } catch (error) {
      // The list says why, as it has been asked for just before.
      if (!(error instanceof server.Refused)) throw error;
      return;
    }
    showOverview();
  }

  /** @returns {Promise<boolean>} whether there is a new answer; not where another one has been asked for since */
  async function askForPage() {
    asking.abort();
    asking = new AbortController();
    content.setAttribute("aria-busy", "true");
    try {
      const found = await server.pipelines(toQuery({ sort: FIRST_ORDER, ...filters }), asking.signal);
      const last = Math.max(1, found.pages);
      if (found.page > last) {
        filters = changed(filters, { page: last > 1 ? String(last) : null });
        return await askForPage();
      }
      answer = found;
      status.textContent = `Times in ${timeZone()} · updated ${exact(new Date()).slice(11, 19)}`;
      showPage();
    } catch (error) {
      if (error instanceof DOMException) return false; // Another page has been asked for since.
      if (!(error instanceof server.Refused)) throw error;
      answer = null;
      content.replaceChildren(refused(error, () => ask()));
    }
    content.removeAttribute("aria-busy");
    return true;
  }

  function showOverview() {
    tools.update(filters, overview?.types ?? [], overview?.services ?? []);
    keepingFocus(top, () => top.replaceChildren(counts(overview?.counts ?? {}, filters, choose)));
    apart.replaceChildren(...[difference(overview?.difference ?? null)].filter((node) => node !== null));
  }

  function showPage() {
    if (!answer) return;
    const { total, pipelines } = answer;
    selection.update(pipelines);
    const words = inWords(filters);
    if (!total) {
      content.replaceChildren(words ? nothingMatches(words, () => choose(NONE)) : noPipelines());
      return;
    }
    const shown = [
      bulkBar(answer, filters, selection, { act, clear: selectNone, selectAll }),
      element("div", { class: "scrolled" }, table(pipelines, filters.sort ?? FIRST_ORDER, handlers)),
      // Airflow can't filter by everything, so that some pages have fewer rows than others.
      !pipelines.length && element("p", { class: "quiet" }, "None of them is on this page. See the other pages."),
      pager(answer, choose),
    ];
    const scroll = content.querySelector(".scrolled")?.scrollLeft ?? 0;
    keepingFocus(content, () => content.replaceChildren(...shown.filter((node) => node instanceof Node)));
    content.querySelector(".scrolled")?.scrollTo({ left: scroll });
  }

  /** @type {Parameters<typeof table>[2]} */
  const handlers = {
    isSelected: (dagId) => selection.has(dagId),
    select: (dagId, on) => select([dagId], on),
    selectPage: (on) => select(answer?.pipelines.map(({ dag_id }) => dag_id) ?? [], on),
    onlyService: (service) => choose({ service }),
    sortBy: (sort) => choose({ sort: sort === FIRST_ORDER ? null : sort }),
    setPaused: async (pipeline, paused) => {
      await setPaused(pipeline, paused);
      await ask();
    },
  };

  function select(/** @type {string[]} */ dagIds, /** @type {boolean} */ on) {
    selection.pick(dagIds, on, answer?.pipelines ?? []);
    showPage();
  }

  function selectAll() {
    selection.pickAll();
    showPage();
  }

  function selectNone() {
    selection.clear();
    showPage();
  }

  async function act(/** @type {server.Action} */ action) {
    if (!answer) return;
    const isDone = await confirmed(action, target(action, filters, selection));
    if (!isDone) return;
    selection.clear();
    await ask();
  }
}
