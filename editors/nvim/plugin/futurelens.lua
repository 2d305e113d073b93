if vim.g.loaded_futurelens then
  return
end
vim.g.loaded_futurelens = true

if vim.fn.has('nvim-0.10') == 0 then
  vim.notify('futurelens: needs Neovim 0.10 or newer', vim.log.levels.ERROR)
  return
end

vim.api.nvim_create_user_command('FuturelensLayout', function()
  require('futurelens').layout()
end, { desc = 'Show the layout of the future at the cursor' })

vim.api.nvim_create_user_command('FuturelensRebuild', function()
  require('futurelens').rebuild()
end, { desc = 'Measure every open project again' })
