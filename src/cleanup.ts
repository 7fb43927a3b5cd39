/** Cleaning up, which must not hide what went wrong before it. */

/**
 * Does `work`, then `tidy`, whatever became of the work.
 *
 * @throws what the work threw; what `tidy` threw only when the work was done
 */
export async function tidied<T>(work: () => Promise<T>, tidy: () => unknown): Promise<T> {
  let result: T
  try {
    result = await work()
  } catch (error) {
    await attempted(tidy)
    throw error
  }
  await tidy()
  return result
}

async function attempted(tidy: () => unknown): Promise<void> {
  try {
    await tidy()
  } catch {
    // What went wrong first is what matters.
  }
}
