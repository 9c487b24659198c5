<?php

/**
 * Prints form elements with escaped values; a form carries a token against forged requests.
 */
class Form extends Html
{
    public function create(?string $uri = null, array $attributes = []): void
    {
        echo '<form' . $this->attributes(['method' => 'post', 'action' => $uri ?? '#'] + $attributes) . ">\n";
        $this->fieldHidden('_csrf_token', 'token');
    }

    public function end(): void
    {
        echo "</form>\n";
    }

    public function label(string $name, ?string $for = null, array $attributes = []): void
    {
        echo '<label' . $this->attributes(['for' => $for] + $attributes) . '>' . $this->safe($name) . "</label>\n";
    }

    public function fieldText(string $name, mixed $value = null, array $attributes = []): void
    {
        $this->input('text', $name, $value, $attributes);
    }

    public function fieldHidden(string $name, mixed $value = null, array $attributes = []): void
    {
        $this->input('hidden', $name, $value, $attributes);
    }

    public function fieldPassword(string $name, array $attributes = []): void
    {
        $this->input('password', $name, $attributes['value'] ?? '', $attributes);
    }

    public function fieldSubmit(string $name, mixed $value = null, array $attributes = []): void
    {
        $this->input('submit', $name, $value, $attributes);
    }

    public function fieldCheckbox(string $name, mixed $value, bool $checked = false, array $attributes = []): void
    {
        $this->input('checkbox', $name, $value, $attributes + ($checked ? ['checked' => 'checked'] : []));
    }

    public function fieldTextarea(string $name, mixed $value = null, array $attributes = []): void
    {
        echo '<textarea' . $this->attributes(['name' => $name] + $attributes) . '>' . $this->safe($value) . "</textarea>\n";
    }

    public function fieldSelect(string $name, array $options, mixed $selected = null, array $attributes = []): void
    {
        echo '<select' . $this->attributes(['name' => $name] + $attributes) . ">\n";
        foreach ($options as $value => $text) {
            $mark = (string) $value === (string) $selected ? ' selected="selected"' : '';
            echo '<option value="' . $this->safe($value) . '"' . $mark . '>' . $this->safe($text) . "</option>\n";
        }
        echo "</select>\n";
    }

    private function input(string $type, string $name, mixed $value, array $attributes): void
    {
        echo '<input' . $this->attributes(['type' => $type, 'name' => $name, 'value' => $value] + $attributes) . " />\n";
    }
}
