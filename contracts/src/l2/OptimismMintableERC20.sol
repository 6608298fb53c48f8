// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title ILegacyMintableERC20
/// @notice What OP's bridges ask of a token they mint, by its first interface (0x1d1d8b63).
interface ILegacyMintableERC20 {
    function l1Token() external view returns (address);
    function mint(address _to, uint256 _amount) external;
    function burn(address _from, uint256 _amount) external;
}

/// @title IOptimismMintableERC20
/// @notice What OP's bridges ask of a token they mint (0xec4fc8e3).
interface IOptimismMintableERC20 {
    function remoteToken() external view returns (address);
    function bridge() external returns (address);
    function mint(address _to, uint256 _amount) external;
    function burn(address _from, uint256 _amount) external;
}

/// @title OptimismMintableERC20
/// @notice An ERC-20 that stands on this chain for a token of the other one. The bridge mints what
///         the other chain holds in escrow and burns what goes back.
///         Made by the factory, not by genesis, so it may have immutables.
contract OptimismMintableERC20 is IOptimismMintableERC20, ILegacyMintableERC20 {
    /// @notice Only the bridge may mint and burn.
    error OnlyBridge(address caller);
    /// @notice `owner` holds fewer tokens than asked for.
    error InsufficientBalance(address owner, uint256 balance, uint256 amount);
    /// @notice `owner` allowed `spender` fewer tokens than asked for.
    error InsufficientAllowance(address owner, address spender, uint256 allowance, uint256 amount);
    /// @notice Tokens may not go to the zero address.
    error ZeroRecipient();

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);
    event Mint(address indexed account, uint256 amount);
    event Burn(address indexed account, uint256 amount);

    string public constant version = "1.3.0";

    /// @notice The token this one stands for.
    address public immutable REMOTE_TOKEN;
    /// @notice The bridge on this chain.
    address public immutable BRIDGE;
    uint8 public immutable decimals;

    string public name;
    string public symbol;
    uint256 public totalSupply;
    mapping(address owner => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    modifier onlyBridge() {
        if (msg.sender != BRIDGE) revert OnlyBridge(msg.sender);
        _;
    }

    constructor(
        address _bridge,
        address _remoteToken,
        string memory _name,
        string memory _symbol,
        uint8 _decimals
    ) {
        BRIDGE = _bridge;
        REMOTE_TOKEN = _remoteToken;
        name = _name;
        symbol = _symbol;
        decimals = _decimals;
    }

    /// @notice Makes tokens. Only the bridge may call.
    function mint(address _to, uint256 _amount)
        external
        override(IOptimismMintableERC20, ILegacyMintableERC20)
        onlyBridge
    {
        if (_to == address(0)) revert ZeroRecipient();
        totalSupply += _amount;
        balanceOf[_to] += _amount;
        emit Transfer(address(0), _to, _amount);
        emit Mint(_to, _amount);
    }

    /// @notice Destroys tokens. Only the bridge may call.
    function burn(address _from, uint256 _amount)
        external
        override(IOptimismMintableERC20, ILegacyMintableERC20)
        onlyBridge
    {
        _debit(_from, _amount);
        totalSupply -= _amount;
        emit Transfer(_from, address(0), _amount);
        emit Burn(_from, _amount);
    }

    /// @notice Moves tokens of the caller.
    function transfer(address to, uint256 amount) external returns (bool) {
        _transfer(msg.sender, to, amount);
        return true;
    }

    /// @notice Moves tokens of `from` by its allowance to the caller; the maximum never runs out.
    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        uint256 allowed = allowance[from][msg.sender];
        if (allowed < amount) revert InsufficientAllowance(from, msg.sender, allowed, amount);
        if (allowed != type(uint256).max) allowance[from][msg.sender] = allowed - amount;
        _transfer(from, to, amount);
        return true;
    }

    /// @notice Lets `spender` move up to `amount` tokens of the caller.
    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        emit Approval(msg.sender, spender, amount);
        return true;
    }

    /// @notice See `REMOTE_TOKEN`.
    function l1Token() external view returns (address) {
        return REMOTE_TOKEN;
    }

    /// @notice See `REMOTE_TOKEN`.
    function remoteToken() external view returns (address) {
        return REMOTE_TOKEN;
    }

    /// @notice See `BRIDGE`.
    function l2Bridge() external view returns (address) {
        return BRIDGE;
    }

    /// @notice See `BRIDGE`.
    function bridge() external view returns (address) {
        return BRIDGE;
    }

    /// @notice ERC-165: this interface itself and both of those above.
    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == 0x01ffc9a7 || id == type(ILegacyMintableERC20).interfaceId
            || id == type(IOptimismMintableERC20).interfaceId;
    }

    function _transfer(address from, address to, uint256 amount) private {
        if (to == address(0)) revert ZeroRecipient();
        _debit(from, amount);
        balanceOf[to] += amount;
        emit Transfer(from, to, amount);
    }

    function _debit(address from, uint256 amount) private {
        uint256 balance = balanceOf[from];
        if (balance < amount) revert InsufficientBalance(from, balance, amount);
        balanceOf[from] = balance - amount;
    }
}
