--- The language server futurelens in Neovim, beside rust-analyzer. See `:help futurelens`.
local M = {}

--- The client's name.
M.NAME = 'futurelens'

--- What `setup` was called with, over the defaults; nil before.
M.options = nil

local DEFAULTS = {
  cmd = { 'futurelens' },
  settings = {},
  inlay_hints = true,
  trusted = nil,
}

--- Neovim 0.11 starts servers itself and joins the hovers of several servers.
local IS_0_11 = vim.fn.has('nvim-0.11') == 1
local METHOD_NOT_FOUND = -32601

local function say(text, level)
  vim.notify('futurelens: ' .. text, level or vim.log.levels.INFO)
end

--- Calls a method of a client: they take the client itself since 0.11.
local function call(client, name, ...)
  if IS_0_11 then
    return client[name](client, ...)
  end
  return client[name](...)
end

--- Lua has one empty table, JSON an empty list and an empty object: all settings are objects but
--- `cargo.features`.
local function as_json(settings)
  local function convert(value, name)
    if type(value) ~= 'table' or name == 'features' then
      return value
    end
    local object = vim.empty_dict()
    for key, inner in pairs(value) do
      object[key] = convert(inner, key)
    end
    return object
  end
  return convert(settings)
end

-- Where to start.

local function has_workspace(manifest)
  for line in io.lines(manifest) do
    if line:match('^%s*%[%s*workspace%s*[%.%]]') then
      return true
    end
  end
  return false
end

--- The folder to start the server in for a file: at or above it the nearest `Cargo.toml` with a `[workspace]`,
--- or else the nearest. None for the sources of dependencies and of the standard library.
function M.root(file)
  local cargo_home = vim.fs.normalize(vim.env.CARGO_HOME or '~/.cargo')
  file = vim.fs.normalize(file)
  for _, folder in ipairs({ cargo_home .. '/registry/', cargo_home .. '/git/' }) do
    if vim.startswith(file, folder) then
      return nil
    end
  end
  if file:find('/rustlib/src/', 1, true) then
    return nil
  end
  local upward = { path = vim.fs.dirname(file), upward = true, type = 'file', limit = math.huge }
  local manifests = vim.fs.find('Cargo.toml', upward)
  for _, manifest in ipairs(manifests) do
    local read, found = pcall(has_workspace, manifest)
    if read and found then
      return vim.fs.dirname(manifest)
    end
  end
  return manifests[1] and vim.fs.dirname(manifests[1])
end

--- The root for a buffer; nil if the server is not to be started for it.
local function root_of(bufnr)
  local file = vim.api.nvim_buf_get_name(bufnr)
  if file == '' or vim.bo[bufnr].buftype ~= '' or file:match('^%a[%w+.-]+://') then
    return nil
  end
  local root = M.root(file)
  local trusted = M.options.trusted
  if root and trusted and not trusted(root) then
    return nil
  end
  return root
end

--- Neovim 0.10: what `vim.lsp.enable` does later on.
local function start(bufnr, config)
  local root = root_of(bufnr)
  if root then
    vim.lsp.start(vim.tbl_extend('force', config, { root_dir = root }), { bufnr = bufnr })
  end
end

-- Clients.

--- The client of a buffer, by default the current one.
function M.client(bufnr)
  return vim.lsp.get_clients({ bufnr = bufnr or vim.api.nvim_get_current_buf(), name = M.NAME })[1]
end

local function need_client()
  local client = M.client()
  if not client then
    say('not running for this buffer; `:checkhealth futurelens` says why', vim.log.levels.WARN)
  end
  return client
end

local function position(client)
  return vim.lsp.util.make_position_params(0, client.offset_encoding)
end

--- A hover's contents as lines of markdown.
local function hover_lines(result)
  local contents = type(result) == 'table' and result.contents
  if type(contents) ~= 'table' and type(contents) ~= 'string' then
    return {}
  end
  if type(contents) == 'table' and contents.kind == 'plaintext' then
    contents = { kind = 'markdown', value = '```text\n' .. contents.value .. '\n```' }
  end
  return vim.lsp.util.convert_input_to_markdown_lines(contents)
end

--- The hovers of all servers in one window. From 0.11 on this is `vim.lsp.buf.hover()`; that of 0.10 shows
--- the answer of the server that is last.
function M.hover()
  if IS_0_11 then
    return vim.lsp.buf.hover()
  end
  local bufnr = vim.api.nvim_get_current_buf()
  local clients = vim.lsp.get_clients({ bufnr = bufnr, method = 'textDocument/hover' })
  -- Ours is the longest, so it comes last.
  table.sort(clients, function(a, b)
    local a_is_ours, b_is_ours = a.name == M.NAME, b.name == M.NAME
    if a_is_ours ~= b_is_ours then
      return b_is_ours
    end
    return a.id < b.id
  end)
  local answers, waiting = {}, #clients
  local function show()
    local lines = {}
    for index = 1, #clients do
      local own = answers[index]
      if #own > 0 and #lines > 0 then
        table.insert(lines, '---')
      end
      vim.list_extend(lines, own)
    end
    if #lines == 0 then
      return say('no information here')
    end
    if vim.api.nvim_get_current_buf() == bufnr then
      vim.lsp.util.open_floating_preview(lines, 'markdown', { focus_id = 'textDocument/hover' })
    end
  end
  for index, client in ipairs(clients) do
    local function hear(_, result)
      answers[index] = hover_lines(result)
      waiting = waiting - 1
      if waiting == 0 then
        show()
      end
    end
    if not call(client, 'request', 'textDocument/hover', position(client), hear, bufnr) then
      hear()
    end
  end
end

--- Shows lines in the middle of the screen until `q`, <Esc> or another window.
local function open_float(lines, is_markdown)
  local width = 20
  for _, line in ipairs(lines) do
    width = math.max(width, vim.fn.strdisplaywidth(line))
  end
  width = math.max(1, math.min(width, vim.o.columns - 4))
  local height = math.max(1, math.min(#lines, vim.o.lines - vim.o.cmdheight - 4))
  local buffer = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_lines(buffer, 0, -1, false, lines)
  vim.bo[buffer].modifiable = false
  vim.bo[buffer].bufhidden = 'wipe'
  local window = vim.api.nvim_open_win(buffer, true, {
    relative = 'editor',
    width = width,
    height = height,
    row = math.max(0, math.floor((vim.o.lines - height) / 2) - 1),
    col = math.max(0, math.floor((vim.o.columns - width) / 2) - 1),
    style = 'minimal',
    border = 'rounded',
    title = ' futurelens ',
    title_pos = 'center',
  })
  -- A picture is not to be folded; text is.
  vim.wo[window].wrap = is_markdown
  if is_markdown then
    vim.wo[window].conceallevel = 2
    if not pcall(vim.treesitter.start, buffer, 'markdown') then
      vim.bo[buffer].syntax = 'markdown'
    end
  end
  local function close()
    if vim.api.nvim_win_is_valid(window) then
      vim.api.nvim_win_close(window, true)
    end
  end
  for _, key in ipairs({ 'q', '<Esc>' }) do
    vim.keymap.set('n', key, close, { buffer = buffer, nowait = true, desc = 'Close the layout' })
  end
  vim.api.nvim_create_autocmd('WinLeave', { buffer = buffer, once = true, callback = vim.schedule_wrap(close) })
  return window
end

--- `:FuturelensLayout`: what the future at the cursor is made of, with the picture of its bytes.
function M.layout()
  local client = need_client()
  if not client then
    return
  end
  local bufnr = vim.api.nvim_get_current_buf()
  local at = position(client)
  local function nothing()
    say('nothing measured here: the cursor must be on an `async fn`, on `async` or on an `.await`')
  end
  local function hear_hover(error, result)
    local lines = hover_lines(result)
    if error then
      say(error.message, vim.log.levels.ERROR)
    elseif #lines == 0 then
      nothing()
    else
      open_float(lines, true)
    end
  end
  call(client, 'request', 'futurelens/layout', at, function(error, result)
    if error and error.code == METHOD_NOT_FOUND then
      -- A server from before this request: its hover says the same.
      call(client, 'request', 'textDocument/hover', at, hear_hover, bufnr)
    elseif error then
      say(error.message, vim.log.levels.ERROR)
    elseif type(result) == 'table' and type(result.text) == 'string' then
      open_float(vim.split((result.text:gsub('%s+$', '')), '\n'), false)
    else
      nothing()
    end
  end, bufnr)
end

--- `:FuturelensRebuild`: measures every open project again.
function M.rebuild()
  local clients = vim.lsp.get_clients({ name = M.NAME })
  if #clients == 0 then
    return say('not running; `:checkhealth futurelens` says why', vim.log.levels.WARN)
  end
  for _, client in ipairs(clients) do
    local params = { command = 'futurelens.rebuild' }
    call(client, 'request', 'workspace/executeCommand', params, function(error)
      if error then
        say(error.message, vim.log.levels.ERROR)
      end
    end)
  end
end

-- Settings.

local function protocol_settings()
  local settings = as_json(M.options.settings)
  return settings, { [M.NAME] = settings }
end

--- Changes settings of running servers and of those started later.
function M.configure(settings)
  assert(type(settings) == 'table', 'futurelens: settings are a table')
  assert(M.options, 'futurelens: call setup first')
  M.options.settings = vim.tbl_deep_extend('force', M.options.settings, settings)
  local bare, named = protocol_settings()
  if IS_0_11 then
    vim.lsp.config(M.NAME, { init_options = bare, settings = named })
  end
  for _, client in ipairs(vim.lsp.get_clients({ name = M.NAME })) do
    client.settings = named
    call(client, 'notify', 'workspace/didChangeConfiguration', { settings = named })
  end
end

local function attached(bufnr)
  if M.options.inlay_hints then
    vim.lsp.inlay_hint.enable(true, { bufnr = bufnr })
  end
  if not IS_0_11 then
    -- Neovim's own mapping shows one server's hover only. The user's own is left alone.
    vim.api.nvim_buf_call(bufnr, function()
      if vim.fn.maparg('K', 'n', false, true).desc == 'vim.lsp.buf.hover()' then
        vim.keymap.set('n', 'K', M.hover, { buffer = bufnr, desc = 'Hovers of all servers' })
      end
    end)
  end
end

--- Starts the server for Rust files. Options: see `:help futurelens-setup`.
function M.setup(options)
  options = options or {}
  for name in pairs(options) do
    local known = { cmd = true, settings = true, inlay_hints = true, trusted = true }
    if not known[name] then
      error(("futurelens: setup has no option '%s'"):format(name), 2)
    end
  end
  M.options = vim.tbl_extend('force', vim.deepcopy(DEFAULTS), options)
  local bare, named = protocol_settings()
  local config = { cmd = M.options.cmd, init_options = bare, settings = named }

  local group = vim.api.nvim_create_augroup(M.NAME, { clear = true })
  vim.api.nvim_create_autocmd('LspAttach', {
    group = group,
    callback = function(event)
      local client = vim.lsp.get_client_by_id(event.data.client_id)
      if client and client.name == M.NAME then
        attached(event.buf)
      end
    end,
  })

  if IS_0_11 then
    config.filetypes = { 'rust' }
    config.root_dir = function(bufnr, on_dir)
      local root = root_of(bufnr)
      if root then
        on_dir(root)
      end
    end
    vim.lsp.config(M.NAME, config)
    vim.lsp.enable(M.NAME)
    return
  end
  config.name = M.NAME
  vim.api.nvim_create_autocmd('FileType', {
    group = group,
    pattern = 'rust',
    callback = function(event)
      start(event.buf, config)
    end,
  })
  for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_is_loaded(bufnr) and vim.bo[bufnr].filetype == 'rust' then
      start(bufnr, config)
    end
  end
end

return M
