// What the programs share: their settings, a person who visits pages for them, and how they end (see ../program.py).

import { createInterface } from 'node:readline'

export const settings = JSON.parse(process.argv[2])

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`)

/** Sends a person to `url` and returns the URL at which they came out: the first that begins with `until`. */
export async function visit(url, until) {
  say({ visit: String(url), until })
  const { value } = await answers.next()
  return new URL(value)
}

/** What a refused call says, for calls that must be refused. A call that succeeds is the failure. */
export async function refusal(call) {
  try {
    await call()
  } catch (error) {
    const challenge = Array.isArray(error.cause) ? error.cause[0]?.parameters?.error : undefined
    // Behind a challenge the libraries leave the body unread.
    const body = error.response?.bodyUsed === false ? await error.response.json().catch(() => null) : null
    return {
      name: error.name,
      code: error.code ?? null,
      error: error.error ?? challenge ?? body?.error ?? null,
      status: error.status ?? error.response?.status ?? null,
      message: error.message,
    }
  }
  throw new Error(`not refused: ${call}`)
}

/** Runs the program: its return value is the result; whatever it throws goes to standard error, with its causes. */
export async function run(program) {
  try {
    say({ result: await program() })
    process.exit(0)
  } catch (error) {
    console.error(error)
    process.exit(1)
  }
}
