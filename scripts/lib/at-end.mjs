// Collects what a script has begun and must end, also when it fails, and on Ctrl-C.

const works = [];
let ending;

/**
 * Registers work for the script's end. The last one is called first. Returns the function that
 * unregisters it.
 */
export function atEnd(work) {
  works.push(work);
  return () => {
    const index = works.lastIndexOf(work);
    if (index !== -1) works.splice(index, 1);
  };
}

/** Ends everything once, however often it is called. Every caller waits for it. */
export function endAll() {
  ending ??= endEach();
  return ending;
}

async function endEach() {
  for (let work = works.pop(); work !== undefined; work = works.pop()) {
    try {
      await work();
    } catch (error) {
      process.stderr.write(`not ended cleanly: ${error.message}\n`);
    }
  }
}

/** A second signal ends the script at once. */
export function endOnSignals() {
  const numbers = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 };
  for (const [signal, number] of Object.entries(numbers)) {
    process.once(signal, () => {
      process.once(signal, () => process.exit(128 + number));
      void endAll().then(() => process.exit(128 + number));
    });
  }
}
