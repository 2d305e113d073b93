--- `:checkhealth futurelens`
local M = {}

--- The output of a program; nil and why if it cannot be run or fails.
local function output(command)
  local started, process = pcall(vim.system, command, { text = true, timeout = 10000 })
  if not started then
    return nil, ('`%s` is not on the PATH'):format(command[1])
  end
  local done = process:wait()
  if done.code ~= 0 then
    return nil, ('`%s`: exit status %d: %s'):format(table.concat(command, ' '), done.code, vim.trim(done.stderr))
  end
  return vim.trim(done.stdout)
end

local function check_neovim()
  if vim.fn.has('nvim-0.10') == 0 then
    vim.health.error('Neovim is older than 0.10')
    return
  end
  vim.health.ok('Neovim ' .. tostring(vim.version()))
end

local function check_server(cmd)
  local program = cmd[1]
  if vim.fn.executable(program) == 0 then
    vim.health.error(('`%s` is not an executable'):format(program), {
      'in a clone of futurelens: `cargo install --path server`',
      "or name it: `require('futurelens').setup{ cmd = { '/path/to/futurelens' } }`",
    })
    return
  end
  local version, trouble = output({ program, '--version' })
  if version then
    vim.health.ok(('%s: %s'):format(vim.fn.exepath(program), version))
  else
    vim.health.error(trouble)
  end
end

local function check_toolchain(wanted)
  local list, trouble = output({ 'rustup', 'toolchain', 'list' })
  if not list then
    local version = output({ 'rustc', '--version' })
    if not version then
      vim.health.error('no Rust compiler: ' .. trouble, { 'install Rust with rustup' })
    elseif version:find('nightly', 1, true) then
      vim.health.ok(version)
    else
      vim.health.warn(version .. ', and no rustup: it measures with RUSTC_BOOTSTRAP=1')
    end
    return
  end
  local toolchains, nightly = vim.split(list, '\n'), nil
  for _, line in ipairs(toolchains) do
    local name = line:match('^%S+') or ''
    if wanted and wanted ~= 'auto' and vim.startswith(name, wanted) then
      vim.health.ok('toolchain ' .. name .. ' measures')
      return
    end
    nightly = nightly or (vim.startswith(name, 'nightly') and name)
  end
  if wanted and wanted ~= 'auto' then
    vim.health.error(('the setting `toolchain` is `%s`, which is not installed'):format(wanted), {
      '`rustup toolchain install ' .. wanted .. '`',
    })
  elseif nightly then
    vim.health.ok('a nightly compiler measures: ' .. nightly)
  else
    vim.health.warn("no nightly toolchain: the project's own measures, with RUSTC_BOOTSTRAP=1", {
      '`rustup toolchain install nightly`',
    })
  end
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

function M.check()
  vim.health.start('futurelens')
  check_neovim()
  local options = require('futurelens').options
  if not options then
    vim.health.warn('setup was not called: no server is started', { "`require('futurelens').setup{}`" })
    options = { cmd = { 'futurelens' }, settings = {}, inlay_hints = true }
  end
  if type(options.cmd) == 'table' then
    check_server(options.cmd)
  end
  check_toolchain(options.settings.toolchain)
  check_rust_analyzer()
  check_clients(options)
end

return M
