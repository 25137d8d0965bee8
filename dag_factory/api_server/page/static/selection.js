/** The pipelines that the user has selected: some by one, or all that match the filters, on other pages too. */

/** @typedef {import("./server.js").Pipeline} Pipeline */

export class Selection {
  /** @type {Map<string, Pipeline>} */
  #picked = new Map();
  /** Whether all that match are selected. */
  isAll = false;

  /** @returns {boolean} whether nothing is selected */
  get isEmpty() {
    return !this.isAll && !this.#picked.size;
  }

  /** @returns {Pipeline[]} those that were selected one by one, or with their page */
  get picked() {
    return this.isAll ? [] : [...this.#picked.values()];
  }

  has(/** @type {string} */ dagId) {
    return this.isAll || this.#picked.has(dagId);
  }

  /**
   * Selects pipelines, or no longer. If all that match were selected, those of the page stay so.
   *
   * @param {string[]} dagIds
   * @param {boolean} on
   * @param {Pipeline[]} shown those of the page
   */
  pick(dagIds, on, shown) {
    if (this.isAll) this.#picked = new Map(shown.map((each) => [each.dag_id, each]));
    this.isAll = false;
    for (const each of shown) {
      if (!dagIds.includes(each.dag_id)) continue;
      if (on) this.#picked.set(each.dag_id, each);
      else this.#picked.delete(each.dag_id);
    }
  }

  pickAll() {
    this.#picked.clear();
    this.isAll = true;
  }

  clear() {
    this.#picked.clear();
    this.isAll = false;
  }

  /** Takes over what is new about those that are selected. */
  update(/** @type {Pipeline[]} */ shown) {
    for (const each of shown) if (this.#picked.has(each.dag_id)) this.#picked.set(each.dag_id, each);
  }
}
