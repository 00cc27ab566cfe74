// What a script has begun and must end: also when it fails, and on Ctrl-C.

const works = [];

/** Called once at the script's end, the last one first. */
export function atEnd(work) {
  works.push(work);
}

export async function endAll() {
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
