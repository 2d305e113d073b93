--- `:checkhealth futurelens`
local M = {}

--- Compilers that were never looked at are tried out, each once.
local PATIENCE = 60000

--- The output of a program; nil and why if it cannot be run or fails.
local function output(command, folder)
  local started, process = pcall(vim.system, command, { text = true, timeout = PATIENCE, cwd = folder })
  if not started then
    return nil, ('`%s` cannot be run: %s'):format(command[1], process)
  end
  local done, words = process:wait(), table.concat(command, ' ')
  local TIMED_OUT = 124
  if done.code == TIMED_OUT then
    return nil, ('`%s`: no answer in %d seconds'):format(words, PATIENCE / 1000)
  elseif done.signal ~= 0 then
    return nil, ('`%s`: ended by signal %d'):format(words, done.signal)
  elseif done.code ~= 0 then
    return nil, ('`%s`: exit status %d: %s'):format(words, done.code, vim.trim(done.stderr))
  end
  return vim.trim(done.stdout)
end

--- The configured program with other words: what starts the server may be `env … futurelens lsp`. By its whole path,
--- or one like `./futurelens` would be looked for in the project.
local function command_with(cmd, words)
  local command = vim.list_extend({}, cmd)
  command[1] = vim.fn.exepath(command[1])
  if #command > 1 and command[#command] == 'lsp' then
    table.remove(command)
  end
  return vim.list_extend(command, words)
end

local function check_neovim()
  if vim.fn.has('nvim-0.10') == 0 then
    vim.health.error('Neovim is older than 0.10')
    return
  end
  vim.health.ok('Neovim ' .. tostring(vim.version()))
end

--- Whether there is a program to ask.
local function check_server(cmd)
  if type(cmd) ~= 'table' then
    vim.health.info('`cmd` is a function: which program it starts is not known here')
    return false
  end
  local program = cmd[1]
  if vim.fn.executable(program) == 0 then
    vim.health.error(('`%s` is not an executable'):format(program), {
      'in a clone of futurelens: `cargo install --path server`',
      "or name it: `require('futurelens').setup{ cmd = { '/path/to/futurelens' } }`",
    })
    return false
  end
  local version, trouble = output(command_with(cmd, { '--version' }))
  if not version then
    vim.health.error(trouble, { 'install it anew, in a clone of futurelens: `cargo install --path server`' })
    return false
  end
  vim.health.ok(('%s: %s'):format(vim.fn.exepath(program), version))
  return true
end

local function is_rust_analyzer(client)
  return client.name:gsub('_', '-') == 'rust-analyzer'
end

local function check_rust_analyzer()
  if vim.iter(vim.lsp.get_clients()):any(is_rust_analyzer) then
    vim.health.ok('rust-analyzer runs')
  elseif output({ 'rust-analyzer', '--version' }) then
    vim.health.info('rust-analyzer is installed and not running')
  else
    vim.health.info('no rust-analyzer: futurelens works without, and shows no errors of the code')
  end
end

local function check_clients(options)
  local clients = vim.lsp.get_clients({ name = require('futurelens').NAME })
  if #clients == 0 then
    vim.health.warn('no client runs', {
      'open a Rust file with a `Cargo.toml` at or above it',
      ':checkhealth vim.lsp and the file of `:lua =vim.lsp.log.get_filename()` say more',
    })
    return
  end
  for _, client in ipairs(clients) do
    local buffers = vim.tbl_keys(client.attached_buffers)
    vim.health.ok(('client %d runs for %s, buffers attached: %d'):format(
      client.id, client.config.root_dir or '?', #buffers))
    for _, bufnr in ipairs(buffers) do
      local name = vim.fn.fnamemodify(vim.api.nvim_buf_get_name(bufnr), ':~:.')
      if vim.lsp.inlay_hint.is_enabled({ bufnr = bufnr }) then
        vim.health.ok(('inlay hints are on in %s: %d'):format(name, #vim.lsp.inlay_hint.get({ bufnr = bufnr })))
      elseif options.inlay_hints then
        vim.health.warn('inlay hints are off in ' .. name, { '`:lua vim.lsp.inlay_hint.enable()`' })
      else
        vim.health.info('inlay hints are off in ' .. name .. ', as setup says')
      end
    end
  end
end

-- What the program itself says.

--- The roots of the projects that are open, whether or not a client runs for them.
local function open_projects()
  local plugin, roots = require('futurelens'), {}
  for _, client in ipairs(vim.lsp.get_clients({ name = plugin.NAME })) do
    roots[client.config.root_dir or ''] = true
  end
  for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
    local name = vim.api.nvim_buf_get_name(bufnr)
    if vim.api.nvim_buf_is_loaded(bufnr) and vim.bo[bufnr].filetype == 'rust' and vim.bo[bufnr].buftype == '' then
      roots[name ~= '' and plugin.root(name) or ''] = true
    end
  end
  roots[''] = nil
  local sorted = vim.tbl_keys(roots)
  table.sort(sorted)
  return sorted
end

--- Whether the server runs nothing until it is told to: anything but a yes is a no.
local function says_untrusted(settings)
  return settings.trusted ~= nil and settings.trusted ~= vim.NIL and settings.trusted ~= true
end

--- The server's settings as options of a command. A value is joined to its option: one that begins with a dash is
--- still a value.
local function doctor_words(settings)
  local words, cargo = { 'doctor', '--format=json' }, settings.cargo or {}
  for _, option in ipairs({
    { 'toolchain', settings.toolchain },
    { 'profile', settings.profile },
    { 'target', cargo.target },
    { 'target-dir', cargo.targetDir },
  }) do
    if type(option[2]) == 'string' and option[2] ~= '' then
      table.insert(words, ('--%s=%s'):format(option[1], option[2]))
    end
  end
  if says_untrusted(settings) then
    table.insert(words, '--untrusted')
  end
  return words
end

local function size(bytes)
  if bytes < 1024 then
    return bytes .. ' B'
  elseif bytes < 1024 * 1024 then
    return ('%.1f KiB'):format(bytes / 1024)
  end
  return ('%.1f MiB'):format(bytes / 1024 / 1024)
end

local function compiler_name(compiler)
  return ('%s, %s'):format(compiler.version, compiler.toolchain or "the project's own")
end

local READ = { whole = 'all of its output is read', sizes = 'its sizes are read', nothing = 'it cannot measure' }

local function show_compiler(compiler)
  local about = { READ[compiler.read] or 'it was not tried', compiler.why }
  vim.list_extend(about, compiler.limits)
  vim.health.info(('%s: %s'):format(compiler_name(compiler), table.concat(about, '; ')))
end

local function show_diagnosis(found, settings)
  if found.chosen then
    vim.health.ok(('measured by %s: %s'):format(compiler_name(found.chosen), found.chosen.why))
  end
  -- Without trust nothing measures, and nothing is wrong.
  local show = (found.chosen or says_untrusted(settings)) and vim.health.warn or vim.health.error
  for _, problem in ipairs(found.problems) do
    show(problem.what, { problem.advice })
  end
  for _, compiler in ipairs(found.compilers) do
    show_compiler(compiler)
  end
  local project = found.project
  if project then
    vim.health.info(('kept in %s: %s, of which %s what compilers printed in %d runs'):format(
      project.target_dir, size(project.kept_bytes), size(project.printed_bytes), project.units))
  end
  if found.cache then
    vim.health.info('kept about compilers in ' .. found.cache)
  end
end

local function check_project(root, options)
  vim.health.start('futurelens: ' .. root)
  if options.trusted and not options.trusted(root) then
    vim.health.info('not trusted, as the function `trusted` of setup says: nothing is run here')
    return
  end
  local text, trouble = output(vim.list_extend(command_with(options.cmd, doctor_words(options.settings)), { root }), root)
  if not text then
    vim.health.error(trouble, { 'update the program, in a clone of futurelens: `cargo install --path server`' })
    return
  end
  local read, found = pcall(vim.json.decode, text, { luanil = { object = true } })
  if read and type(found) == 'table' and found.schema == 1 then
    show_diagnosis(found, options.settings)
  else
    vim.health.error('what `futurelens doctor` says is not understood', { 'take plugin and program of one version' })
  end
end

function M.check()
  vim.health.start('futurelens')
  check_neovim()
  local options = require('futurelens').options
  if not options then
    vim.health.warn('setup was not called: no server is started', { "`require('futurelens').setup{}`" })
    options = { cmd = { 'futurelens' }, settings = {}, inlay_hints = true }
  end
  local can_ask = check_server(options.cmd)
  check_rust_analyzer()
  check_clients(options)
  local roots = open_projects()
  if can_ask and #roots == 0 then
    vim.health.info('no project is open: with one of its Rust files open, this says which compiler measures it')
  end
  for _, root in ipairs(can_ask and roots or {}) do
    check_project(root, options)
  end
end

return M
