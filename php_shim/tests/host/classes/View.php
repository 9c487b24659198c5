<?php

/**
 * Renders a .pdt file: its variables are the ones set, `$this` is the view, and nothing is escaped by itself.
 */
#[AllowDynamicProperties]
class View
{
    public string $base_uri = '/admin/';
    private string $dir = '';
    private array $values = [];

    public function __construct(private string $name, private string $template = 'default')
    {
    }

    /**
     * @param string $path of the module in an installation; the stand-in has the one module only
     */
    public function setDefaultView(string $path): void
    {
        if ($path !== 'components' . DS . 'modules' . DS . 'infrafabric' . DS) {
            throw new InvalidArgumentException('unexpected view path ' . $path);
        }
        $this->dir = MODULE_DIR . 'views' . DS;
    }

    public function set(string $name, mixed $value): void
    {
        $this->values[$name] = $value;
    }

    public function _(string $key, bool $return = false, mixed ...$values): ?string
    {
        return Language::_($key, $return, ...$values);
    }

    public function fetch(): string
    {
        extract($this->values);
        ob_start();
        try {
            include $this->dir . $this->template . DS . $this->name . '.pdt';
        } finally {
            $html = ob_get_clean();
        }

        return (string) $html;
    }
}
