/** Asks again from time to time, as long as somebody can see the page. */

const SECONDS = 30;

/**
 * Calls a function every half a minute while the page is visible, and when it becomes visible again.
 *
 * @param {() => Promise<void>} ask
 */
export function keepFresh(ask) {
  let timer = 0;

  function plan() {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(turn, SECONDS * 1000);
  }

  async function turn() {
    await ask();
    plan();
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : turn()));
  plan();
}
