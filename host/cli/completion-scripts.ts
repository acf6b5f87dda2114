/** Each asks `executor-host __complete -- WORDS`, the last being the one to complete, and gets `value<tab>meaning` lines. */
export const completionScripts = {
  bash: `# Completion of executor-host in bash. Use it with: source <(executor-host completion bash)
_executor_host() {
  local line=\${COMP_LINE:0:COMP_POINT} words current prefix
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  current=\${words[-1]}
  # Readline replaces only what follows the last = or :
  prefix=\${current%"\${current##*[=:]}"}
  local IFS=$'\\n'
  COMPREPLY=($("\${words[0]}" __complete -- "\${words[@]:1}" 2>/dev/null | cut -f1))
  COMPREPLY=("\${COMPREPLY[@]#"$prefix"}")
  [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *= ]] && compopt -o nospace
  return 0
}
complete -o default -F _executor_host executor-host
`,
  zsh: `#compdef executor-host
# Completion of executor-host in zsh. Use it with: source <(executor-host completion zsh)
_executor_host() {
  local line value
  local -a closed open
  for line in "\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -z $line ]] && continue
    value=\${\${line%%$'\\t'*}//:/\\\\:}
    if [[ $value == *= ]]; then open+=("$value:\${line#*$'\\t'}"); else closed+=("$value:\${line#*$'\\t'}"); fi
  done
  if (( \${#closed} + \${#open} == 0 )); then _files; return; fi
  (( \${#closed} )) && _describe -V executor-host closed
  (( \${#open} )) && _describe -V executor-host open -S ''
}
compdef _executor_host executor-host
`,
  fish: `# Completion of executor-host in fish. Use it with: executor-host completion fish | source
function __executor_host_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l found ($words[1] __complete -- $words[2..-1] 2>/dev/null)
  if test (count $found) -gt 0
    printf '%s\\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c executor-host -f -a '(__executor_host_complete)'
`,
} as const;

export type ShellName = keyof typeof completionScripts;
