/** Shell scripts that complete commands, options and their choices, generated from the declared commands. */

import { Argument, type Command, type Option } from 'commander'
import { send } from './formats/output.js'

const SHELLS = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof SHELLS)[number]

export function addCompletion(program: Command): void {
  program
    .command('completion')
    .description('Print a script that completes commands and options in your shell.')
    .addArgument(new Argument('<shell>', 'the shell').choices([...SHELLS]))
    .addHelpText(
      'after',
      `
Examples:
  $ wandb-audit completion bash > ~/.local/share/bash-completion/completions/wandb-audit
  $ wandb-audit completion zsh > ~/.zfunc/_wandb-audit          a folder in $fpath
  $ wandb-audit completion fish > ~/.config/fish/completions/wandb-audit.fish`,
    )
    .action(async (shell: Shell) => {
      await send([SCRIPTS[shell](program.name(), program.commands.map(wordsOf))], process.stdout)
    })
}

interface Words {
  readonly name: string
  readonly description: string
  /** Its subcommands, or the choices of its argument. */
  readonly words: readonly string[]
  /** Including those of its subcommands. */
  readonly options: readonly Option[]
}

function wordsOf(command: Command): Words {
  const below = command.commands
  const options = [command, ...below].flatMap(({ options }) => options).filter(({ hidden }) => !hidden)
  return {
    name: command.name(),
    description: command.description(),
    words: [
      ...below.map((each) => each.name()),
      ...command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices),
    ],
    options: options.filter(({ long }, i) => options.findIndex((other) => other.long === long) === i),
  }
}

const takesValue = ({ required, optional }: Option): boolean => required || optional
const flagsOf = ({ short, long }: Option): string[] => [long, short].filter((flag) => flag != null)

const SCRIPTS: Readonly<Record<Shell, (program: string, commands: readonly Words[]) => string>> = { bash, zsh, fish }

/** Where this script suggests nothing, bash completes file names. */
function bash(program: string, commands: readonly Words[]): string {
  const reply = (words: readonly string[]): string => `COMPREPLY=($(compgen -W "${words.join(' ')}" -- "$cur"))`
  const values = commands.flatMap(({ name, options }) =>
    options.filter(takesValue).map((option) => {
      const patterns = flagsOf(option).map((flag) => `"${name} ${flag}"`)
      return `    ${patterns.join('|')}) ${option.argChoices === undefined ? '' : `${reply(option.argChoices)}; `}return ;;`
    }),
  )
  const flags = commands.map(
    ({ name, words, options }) => `    ${name}) ${reply([...words, ...options.flatMap(flagsOf), '--help'])} ;;`,
  )
  return `# Completion of ${program} in bash.
_wandb_audit() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" command="\${COMP_WORDS[1]}"
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    ${reply([...commands.map(({ name }) => name), '--help', '--version'])}
    return
  fi
  case "$command $prev" in
${values.join('\n')}
  esac
  case "$command" in
${flags.join('\n')}
  esac
}
complete -o default -F _wandb_audit ${program}
`
}

function zsh(program: string, commands: readonly Words[]): string {
  const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`
  const plain = (text: string): string => text.replaceAll(/[[\]:\\]/g, '\\$&')
  const argument = (option: Option): string => {
    const value = takesValue(option)
      ? `:value:${option.argChoices === undefined ? '_files' : `(${option.argChoices.join(' ')})`}`
      : ''
    return flagsOf(option)
      .map((flag) => quoted(`*${flag}[${plain(option.description)}]${value}`))
      .join(' ')
  }
  const cases = commands.map(({ name, words, options }) => {
    const rest = words.length === 0 ? '*:file:_files' : `1:command:(${words.join(' ')})`
    return `    ${name}) _arguments ${[...options.map(argument), quoted(rest)].join(' \\\n      ')} ;;`
  })
  const described = commands.map(({ name, description }) => `    ${quoted(`${name}:${plain(description)}`)}`)
  return `#compdef ${program}
_wandb_audit() {
  local -a commands=(
${described.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('\n')}
  esac
}
if [ "$funcstack[1]" = "_${program}" ]; then _wandb_audit "$@"; else compdef _wandb_audit ${program}; fi
`
}

function fish(program: string, commands: readonly Words[]): string {
  const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const complete = `complete -c ${program}`
  const lines = commands.flatMap(({ name, description, words, options }) => {
    const after = `${complete} -n ${quoted(`__fish_seen_subcommand_from ${name}`)}`
    return [
      `${complete} -n __fish_use_subcommand -f -a ${name} -d ${quoted(description)}`,
      ...(words.length === 0 ? [] : [`${after} -f -a ${quoted(words.join(' '))}`]),
      ...options.map((option) => {
        const flags = flagsOf(option).map((flag) =>
          flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
        )
        const value = option.argChoices === undefined ? ' -r' : ` -x -a ${quoted(option.argChoices.join(' '))}`
        return `${after} ${flags.join(' ')}${takesValue(option) ? value : ''} -d ${quoted(option.description)}`
      }),
    ]
  })
  return `# Completion of ${program} in fish.\n${lines.join('\n')}\n`
}
